<?php

declare(strict_types=1);

namespace Beaconry\Tests;

use Beaconry\Wire\BadJson;
use Beaconry\Wire\Scanner;
use PHPUnit\Framework\TestCase;

final class ScannerTest extends TestCase
{
    /** Where json_decode and the scanner may differ: it refuses lone surrogates, and here and there a depth. */
    public function testItSaysWhatPhpsOwnParserSays(): void
    {
        $pieces = ['{', '}', '[', ']', ',', ':', '"a"', '"\\u00e9"', '"\\n"', '"', '\\'];
        array_push($pieces, '1', '-1.5e+3', '01', '.', 'e', 'true', 'null', ' ');
        for ($seed = 0; $seed < 20_000; $seed++) {
            mt_srand($seed);
            $text = '';
            for ($nth = mt_rand(1, 9); $nth > 0; $nth--) {
                $text .= $pieces[mt_rand(0, count($pieces) - 1)];
            }
            json_decode($text);
            self::assertSame(json_last_error() === JSON_ERROR_NONE, Scanner::isJson($text), $text);
        }
    }

    public function testAValueIsItsOwnText(): void
    {
        $scanner = new Scanner(' [ {"a" : [1, "]"]} , -0.5e9,"x"  ] ');
        $scanner->enter('[');
        $values = [];
        while ($scanner->item()) {
            $values[] = $scanner->value();
        }
        self::assertSame(['{"a" : [1, "]"]}', '-0.5e9', '"x"'], $values);
        self::assertTrue($scanner->atEnd());
    }

    public function testDepthIsALimitWhereItIsAskedFor(): void
    {
        $deep = str_repeat('[', 100_000) . str_repeat(']', 100_000);
        self::assertTrue(Scanner::isJson($deep));
        $this->expectException(BadJson::class);
        (new Scanner(str_repeat('[', 65) . str_repeat(']', 65)))->value();
    }

    public function testALongTextIsNoTrouble(): void
    {
        self::assertTrue(Scanner::isJson('"' . str_repeat('\\"', 500_000) . '"'));
        self::assertFalse(Scanner::isJson('"' . str_repeat('\\"', 500_000)));
    }
}
