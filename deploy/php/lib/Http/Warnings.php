<?php

declare(strict_types=1);

namespace Beaconry\Http;

/** Makes exceptions of PHP's warnings and notices: a failed write is one. */
final class Warnings
{
    public static function throw(): void
    {
        error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
        set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
            // Those that an @ or a later PHP's deprecations keep quiet.
            if ((error_reporting() & $level) === 0) {
                return true;
            }
            throw new \ErrorException($message, 0, $level, $file, $line);
        });
    }
}
