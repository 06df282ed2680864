<?php

declare(strict_types=1);

namespace Beaconry\Tests;

use Beaconry\Store\JournalFile;
use PHPUnit\Framework\TestCase;

final class JournalFileTest extends TestCase
{
    public function testANameAndItsFileBelongTogether(): void
    {
        $names = [
            'events-2026-01-02.jsonl.php',
            'events-2026-01-02.2.jsonl.php',
            'events-2026-01-02.jsonl.gz.php',
            'events-2026-01-02.12.jsonl.gz.php',
        ];
        foreach ($names as $name) {
            self::assertSame($name, JournalFile::parse($name)?->name());
        }
        $file = JournalFile::parse($names[0]);
        self::assertSame($names[1], $file?->next()->name());
        self::assertSame($names[2], $file->packed()->name());
        self::assertSame(1_767_312_000_000, $file->start());
    }

    public function testOtherFilesAreNone(): void
    {
        $names = [
            'events-2026-13-02.jsonl.php', 'events-2026-01-02.jsonl', 'events-2026-01-02.jsonl.php.new',
            "events-2026-01-02.jsonl.php\n",
            'events-2026-01-02.torn.php', 'events-2026-01-02.0.jsonl.php', 'events-2026-01-02.1.jsonl.php', 'events-.jsonl.php', 'index.html', 'lock', '.', '..',
        ];
        foreach ($names as $name) {
            self::assertNull(JournalFile::parse($name), $name);
        }
    }

    public function testFilesStandInTheOrderInWhichTheyWereWritten(): void
    {
        $names = [
            'events-2026-01-02.jsonl.php', 'events-2026-01-02.jsonl.gz.php', 'events-2026-01-02.2.jsonl.php',
            'events-2026-01-02.10.jsonl.php', 'events-2026-01-03.jsonl.php',
        ];
        $files = array_map(JournalFile::parse(...), array_reverse($names));
        usort($files, JournalFile::compare(...));
        self::assertSame($names, array_map(static fn (?JournalFile $file): ?string => $file?->name(), $files));
    }

    /** The guard is what keeps a journal from being shown, and its events from being run. */
    public function testAFileThatIsRunSaysNothingAndRunsNothing(): void
    {
        $path = (string) tempnam(sys_get_temp_dir(), 'beaconry');
        foreach (['{"m":"<?php echo 1; ?>"}', '?><?php echo 2;', '<?= 3 ?>', "<?php function f() {} f(", "\0<?php"] as $event) {
            file_put_contents($path, JournalFile::GUARD . "$event\n");
            self::assertSame('', shell_exec(PHP_BINARY . ' -d display_errors=1 ' . escapeshellarg($path) . ' 2>&1') ?? '');
        }
        unlink($path);
    }
}
