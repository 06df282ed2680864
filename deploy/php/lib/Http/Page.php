<?php

declare(strict_types=1);

namespace Beaconry\Http;

use Beaconry\Refusal;
use Beaconry\Refused;

/** What a person sees who opens ingest.php in a browser: what is missing, or that nothing is. */
final class Page
{
    public static function of(Refused $refused): string
    {
        [$title, $text] = $refused->refusal === Refusal::Method
            ? ['Beaconry is ready', 'This host has what it needs. Clients post their events to this address.']
            : ['Beaconry cannot store events', $refused->getMessage()];
        $text = htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE);
        return <<<HTML
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="robots" content="noindex">
            <title>$title</title>
            <body style="font: 16px/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em">
            <h1>$title</h1>
            <p>$text</p>
            </html>

            HTML;
    }
}
