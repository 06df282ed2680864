<?php

declare(strict_types=1);

namespace Beaconry\Tests;

use Beaconry\Wire\BadJson;
use Beaconry\Wire\Ranges;
use PHPUnit\Framework\TestCase;

final class RangesTest extends TestCase
{
    /** Against the plainest model there is: a list of numbers. */
    public function testASetOfRangesIsASetOfNumbers(): void
    {
        for ($seed = 0; $seed < 300; $seed++) {
            mt_srand($seed);
            $set = new Ranges();
            $model = [];
            for ($nth = 0; $nth < 12; $nth++) {
                $start = mt_rand(0, 30);
                $end = $start + mt_rand(1, 6);
                $set->insert($start, $end);
                $model += array_fill_keys(range($start, $end - 1), true);
            }
            for ($number = 0; $number < 40; $number++) {
                self::assertSame(isset($model[$number]), $set->contains($number), "seed $seed, number $number");
                $any = array_intersect_key($model, [$number => 0, $number + 1 => 0, $number + 2 => 0]) !== [];
                self::assertSame($any, $set->intersects($number, $number + 3), "seed $seed, number $number");
            }
            self::assertSame(count($model), $set->count(), "seed $seed");
            self::assertSame($set->encode(), Ranges::parse($set->encode())->encode(), "seed $seed");
            self::assertSame(self::pieces($model), $set->pieces(), "seed $seed: none overlap, none touch");
        }
    }

    public function testWhatIsNoSetIsRefused(): void
    {
        foreach (['', '[', '{}', '[1]', '[[1]]', '[[1,2,3]]', '[[2,2]]', '[[3,1]]', '[[-1,2]]', '[[0,1],]', '[[0,1]]x'] as $bad) {
            try {
                Ranges::parse($bad);
                self::fail("$bad was taken");
            } catch (BadJson) {
                self::assertTrue(true);
            }
        }
    }

    /** @param array<int, true> $model */
    private static function pieces(array $model): int
    {
        return count(array_filter(array_keys($model), static fn (int $number): bool => !isset($model[$number - 1])));
    }
}
