<?php

declare(strict_types=1);

namespace Beaconry\Receive;

/** The client's clock against ours, as far as one request can tell. */
final class Skew
{
    /** Less than this cannot be told from the time that a request was on its way. */
    private const NOTICEABLE_MS = 5_000;

    /** To be added to the client's times (ms). */
    private readonly int $offset;

    /**
     * $now is the client's clock when it sent, $received ours when it arrived. A closed stream may have been written under
     * another clock than the one of the page that sends it: its times stay.
     */
    public function __construct(?int $now, private readonly int $received, bool $closed)
    {
        // A clock beyond what counts milliseconds tells nothing.
        $isClock = $now !== null && $now < PHP_INT_MAX;
        $offset = $isClock && !$closed ? $received - $now : 0;
        $this->offset = abs($offset) >= self::NOTICEABLE_MS ? $offset : 0;
    }

    /** The event's time by our clock; never after its receipt. */
    public function correct(int $ts): int
    {
        $corrected = $ts + $this->offset;
        if (is_float($corrected)) {
            $corrected = $corrected < 0 ? PHP_INT_MIN : PHP_INT_MAX;
        }
        return min($corrected, $this->received);
    }
}
