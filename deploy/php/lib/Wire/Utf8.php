<?php

declare(strict_types=1);

namespace Beaconry\Wire;

final class Utf8
{
    /** By PCRE, which every PHP has; mbstring is an extension that hosts leave out. */
    public static function isValid(string $text): bool
    {
        return preg_match('//u', $text) === 1;
    }
}
