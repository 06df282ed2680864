<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** The first line of a body is no stream line: nothing of the request can be used, for nobody knows whose numbers they are. */
final class BadStreamLine extends \Exception
{
    /** @param 'utf8'|'json'|'version'|'too_large' $reason */
    public function __construct(public readonly string $reason)
    {
        parent::__construct($reason);
    }
}
