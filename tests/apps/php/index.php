<?php

// A handler after the manual's example, which checks the signature over the raw bytes.
// cmhook's tests forward to it. It is the router of PHP's built-in server:
//
//     WEBHOOK_SECRET=… php -S 127.0.0.1:8000 tests/apps/php/index.php

declare(strict_types=1);

// Knows the three ways in which Cakemail's documents put the digest in a header.
function is_signed(string $payload, string $secret): bool
{
    $digest = hash_hmac('sha256', $payload, $secret, true);
    $base64 = base64_encode($digest);

    $cakemail = $_SERVER['HTTP_X_CAKEMAIL_SIGNATURE'] ?? null;
    if ($cakemail !== null) {
        return hash_equals(bin2hex($digest), $cakemail) || hash_equals($base64, $cakemail);
    }
    $api = $_SERVER['HTTP_X_SIGNATURE'] ?? null;
    return $api !== null && hash_equals($base64, $api);
}

function handle(array $body): void
{
    $event = $body['event'] ?? '';
    $data = $body['data'] ?? [];

    switch ($event) {
        case 'email.opened':
        case 'Email.Opened':
            error_log("Email opened: {$data['email']}");
            break;

        case 'email.clicked':
        case 'Email.Clicked':
            error_log("Link clicked: {$data['email']}");
            break;

        case 'email.bounced':
        case 'Email.Bounced':
            error_log("Email bounced: {$data['email']}");
            break;

        default:
            error_log("Not handled: $event");
    }
}

function answer(int $status, string $text): void
{
    http_response_code($status);
    header('Content-Type: text/plain; charset=utf-8');
    echo $text;
}

$secret = getenv('WEBHOOK_SECRET');
if ($secret === false || $secret === '') {
    answer(500, 'WEBHOOK_SECRET is not set: give this app the secret that signs its deliveries');
    return;
}
// The router runs for every path, so the route is checked here.
if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/webhooks/cakemail') {
    answer(404, 'Not found');
    return;
}
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    header('Allow: POST');
    answer(405, 'Method not allowed');
    return;
}

$payload = file_get_contents('php://input');

if (!is_signed($payload, $secret)) {
    answer(401, 'Invalid signature');
    return;
}

handle(json_decode($payload, true, 512, JSON_THROW_ON_ERROR));
answer(200, 'OK');
