//! From when to when a certificate is good: the only thing in it that is of interest here and
//! that rustls does not tell.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Reads `notBefore` and `notAfter` of a certificate in DER (RFC 5280, 4.1).
pub(super) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let mut certificate = Der(certificate).of(SEQUENCE)?;
    let mut signed = certificate.of(SEQUENCE)?;
    if signed.0.first() == Some(&VERSION) {
        signed.of(VERSION)?;
    }
    signed.of(INTEGER)?; // serial number
    signed.of(SEQUENCE)?; // algorithm
    signed.of(SEQUENCE)?; // issuer
    let mut validity = signed.of(SEQUENCE)?;
    Some((validity.time()?, validity.time()?))
}

/// What is left of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next value and its kind.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[kind, first], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // Four bytes are more than any certificate needs.
            if bytes.len() > 4 {
                return None;
            }
            length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            rest = after;
        }
        let (value, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((kind, value))
    }

    /// Takes the next value, which is of this kind.
    fn of(&mut self, wanted: u8) -> Option<Self> {
        let (kind, value) = self.next()?;
        (kind == wanted).then_some(Self(value))
    }

    fn time(&mut self) -> Option<Timestamp> {
        let (kind, value) = self.next()?;
        let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
        let text = match kind {
            // Two digits of a year are those from 1950 to 2049.
            UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
            UTC_TIME => format!("19{text}"),
            GENERALIZED_TIME => text.to_owned(),
            _ => return None,
        };
        let time = DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
        let zoned = time.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_in_it_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = validity(&bytes);
            let mut nested = vec![SEQUENCE, 0x81, 66, SEQUENCE, 0x80];
            nested.extend(bytes);
            let _ = validity(&nested);
        }
    }

    #[test]
    fn every_cut_of_a_certificate_is_no_certificate() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert!(validity(certificate.der()).is_some());
        for end in 0..certificate.der().len() {
            assert_eq!(validity(&certificate.der()[..end]), None);
        }
    }
}
