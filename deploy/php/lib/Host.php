<?php

declare(strict_types=1);

namespace Beaconry;

/** What this PHP has to have. */
final class Host
{
    /** Functions that a host's `disable_functions` may take away. */
    private const FUNCTIONS = ['fsync', 'flock', 'ftruncate', 'fopen', 'rename', 'unlink', 'scandir', 'mkdir', 'chmod'];

    /** Says what is missing, and what to do. */
    public static function check(): void
    {
        $problems = self::problems(
            PHP_INT_SIZE,
            extension_loaded('pdo_sqlite'),
            array_filter(self::FUNCTIONS, static fn (string $name): bool => !function_exists($name)),
        );
        if ($problems !== []) {
            throw new Refused(Refusal::Setup, implode(' ', $problems));
        }
    }

    /**
     * @param array<string> $missing functions
     * @return list<string>
     */
    public static function problems(int $intSize, bool $hasSqlite, array $missing): array
    {
        $problems = [];
        if ($intSize < 8) {
            $problems[] = 'This is a 32-bit PHP, which cannot count milliseconds: a 64-bit one is needed.';
        }
        if (!$hasSqlite) {
            $problems[] = 'The PHP extension pdo_sqlite is missing: switch it on in the control panel of your host,'
                . ' or on Debian install php-sqlite3.';
        }
        foreach ($missing as $name) {
            $problems[] = "The PHP function $name is switched off by the host (disable_functions): ask for it.";
        }
        return $problems;
    }
}
