<?php

declare(strict_types=1);

namespace Beaconry\Tests;

use Beaconry\Host;
use PHPUnit\Framework\TestCase;

final class HostTest extends TestCase
{
    public function testThisHostHasAll(): void
    {
        Host::check();
        self::assertSame([], Host::problems(8, true, []));
    }

    public function testEachThingThatIsMissingIsNamed(): void
    {
        $problems = Host::problems(4, false, ['fsync', 'flock']);
        self::assertCount(4, $problems);
        foreach (['32-bit', 'pdo_sqlite', 'fsync', 'flock'] as $nth => $name) {
            self::assertStringContainsString($name, $problems[$nth]);
        }
    }

    /** An old PHP has to be able to say that it is too old: nothing newer than PHP 5 may stand in the file that it reads. */
    public function testTheEntryIsWrittenForAnyPhp(): void
    {
        $text = (string) file_get_contents(__DIR__ . '/../../deploy/php/ingest.php');
        $names = [];
        foreach (\PhpToken::tokenize($text) as $token) {
            $names[] = $token->getTokenName();
        }
        $newer = ['T_DECLARE', 'T_NAMESPACE', 'T_FN', 'T_MATCH', 'T_ENUM', 'T_COALESCE', 'T_ATTRIBUTE', 'T_ELLIPSIS'];
        self::assertSame([], array_values(array_intersect($newer, $names)));
    }
}
