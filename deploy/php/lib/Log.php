<?php

declare(strict_types=1);

namespace Beaconry;

/** The host's error log: what an operator has to know. */
final class Log
{
    public static function write(string $message): void
    {
        // A host may have switched it off; an answer does not fail for that.
        if (function_exists('error_log')) {
            error_log("beaconry: $message");
        }
    }
}
