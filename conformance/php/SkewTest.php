<?php

declare(strict_types=1);

namespace Beaconry\Tests;

use Beaconry\Receive\Skew;
use PHPUnit\Framework\TestCase;

final class SkewTest extends TestCase
{
    private const NOW = 1_763_877_600_000;

    public function testAClockAnHourOffIsCorrected(): void
    {
        $hour = 3_600_000;
        self::assertSame(self::NOW - 1_000, self::correct(self::NOW - $hour, self::NOW - $hour - 1_000));
        self::assertSame(self::NOW - 1_000, self::correct(self::NOW + $hour, self::NOW + $hour - 1_000));
    }

    public function testTheTimeOfTravelIsNoSkew(): void
    {
        self::assertSame(self::NOW - 6_000, self::correct(self::NOW - 4_999, self::NOW - 6_000));
        self::assertSame(self::NOW - 1_000, self::correct(self::NOW - 5_000, self::NOW - 6_000));
    }

    public function testNoEventLiesAfterItsReceipt(): void
    {
        self::assertSame(self::NOW, self::correct(self::NOW + 2_000, self::NOW + 1_500));
        self::assertSame(self::NOW, (new Skew(null, self::NOW, true))->correct(self::NOW + 1_500));
    }

    public function testAbsurdClocksOverflowNothing(): void
    {
        self::assertSame(PHP_INT_MIN, (new Skew(PHP_INT_MAX, self::NOW, false))->correct(PHP_INT_MIN));
        self::assertSame(PHP_INT_MIN, (new Skew(PHP_INT_MAX - 1, self::NOW, false))->correct(PHP_INT_MIN));
        self::assertSame(PHP_INT_MAX, (new Skew(0, PHP_INT_MAX, false))->correct(PHP_INT_MAX));
    }

    private static function correct(int $clientNow, int $ts): int
    {
        return (new Skew($clientNow, self::NOW, false))->correct($ts);
    }
}
