<?php

declare(strict_types=1);

namespace Beaconry\Receive;

/** A batch is bad; it spoils no other. */
final class NotTaken extends \Exception
{
    /** @param 'json'|'utf8'|'type'|'too_large'|'count'|'overlap' $reason what the answer says */
    public function __construct(public readonly string $reason)
    {
        parent::__construct($reason);
    }
}
