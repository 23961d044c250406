//! What to run, as the command line says.

use anyhow::{Context as _, Result, bail};

/// What to run.
pub struct Options {
    pub rounds: usize,
    pub seconds: u32,
    only: Option<String>,
}

impl Options {
    /// What was asked for; `None` where it was not to measure anything.
    pub fn read() -> Result<Option<Self>> {
        let mut options = Self {
            rounds: 5,
            seconds: 4,
            only: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .with_context(|| format!("`{arg}` needs a value"))
            };
            match arg.as_str() {
                // What cargo passes to every benchmark, and to a benchmark run as a test.
                "--bench" => {}
                "--test" => return Ok(None),
                "--quick" => (options.rounds, options.seconds) = (1, 1),
                "--rounds" => {
                    options.rounds = value()?.parse().context("`--rounds` is a number")?;
                }
                "--seconds" => {
                    options.seconds = value()?.parse().context("`--seconds` is a number")?;
                }
                "--only" => options.only = Some(value()?),
                other => bail!("unknown option `{other}`"),
            }
        }
        Ok(Some(options))
    }

    /// Whether what is called so is to be run.
    pub fn wants(&self, name: &str) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| name.contains(only))
    }
}
