<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Refusal;

/** The file system or the database says no. Nothing of the request counts as stored. */
final class DiskError extends \Exception
{
    /** ENOSPC, EDQUOT and EFBIG, as PHP and SQLite name them. */
    private const FULL = '/errno=(28|122|27)\b|database or disk is full/';

    public static function of(\Throwable $error): self
    {
        return new self($error->getMessage(), 0, $error);
    }

    public function refusal(): Refusal
    {
        return preg_match(self::FULL, $this->getMessage()) === 1 ? Refusal::Full : Refusal::Disk;
    }
}
