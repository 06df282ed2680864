<?php

declare(strict_types=1);

namespace Beaconry\Tests;

use Beaconry\Refused;
use Beaconry\Store\File;
use Beaconry\Store\Folder;
use Beaconry\Store\Index;
use Beaconry\Store\Journal;
use Beaconry\Store\JournalFile;
use Beaconry\Store\Record;
use Beaconry\Store\Recover;
use Beaconry\Wire\StreamId;
use PHPUnit\Framework\TestCase;

final class StoreTest extends TestCase
{
    private const DAY = '2026-01-02';
    private const DAY_MS = 86_400_000;
    private const NOW = 1_767_312_000_000;

    private string $path;
    private Folder $folder;

    protected function setUp(): void
    {
        $this->path = sys_get_temp_dir() . '/beaconry-' . bin2hex(random_bytes(8));
        $this->folder = Folder::find([$this->path], 0o640);
    }

    protected function tearDown(): void
    {
        array_map('unlink', array_filter(array_map(fn ($name) => "$this->path/$name", scandir($this->path)), 'is_file'));
        rmdir($this->path);
    }

    public function testALostIndexIsMadeAgainByAsManyRequestsAsItTakes(): void
    {
        $streams = array_map(self::stream(...), range(1, 3_000));
        $lines = array_map(static fn (string $stream): string => self::line($stream), $streams);
        $files = Journal::append($this->folder, self::DAY, implode('', $lines));
        $requests = 0;
        do {
            $requests++;
            self::assertLessThan(10, $requests, 'each goes on where the one before has stopped');
        } while (!$this->recovers());
        self::assertGreaterThan(1, $requests, 'no time at all is not enough');
        $index = Index::open($this->folder);
        self::assertSame($files, $index->files());
        self::assertSame(self::NOW, $index->since());
        foreach ($streams as $stream) {
            self::assertSame('[[7,8]]', $index->get(StreamId::parse($stream))?->stored->encode());
        }
    }

    public function testStreamsAreForgottenOnceADayAfterTheWindow(): void
    {
        $index = Index::open($this->folder);
        $old = StreamId::parse(self::stream(1));
        $young = StreamId::parse(self::stream(2));
        $index->put([Record::fresh($old, self::NOW - 36 * self::DAY_MS), Record::fresh($young, self::NOW - 34 * self::DAY_MS)]);
        $index->prune(self::NOW);
        self::assertNull($index->get($old));
        self::assertNotNull($index->get($young));
        $index->put([Record::fresh($old, self::NOW - 36 * self::DAY_MS)]);
        $index->prune(self::NOW + 1_000);
        self::assertNotNull($index->get($old), 'not again on the same day');
        $index->prune(self::NOW + 2 * self::DAY_MS);
        self::assertNull($index->get($young));
    }

    public function testADayOfManyEventsGoesOnInTheNextFile(): void
    {
        $first = array_key_first(Journal::append($this->folder, self::DAY, "a\n"));
        self::assertSame($first, array_key_first(Journal::append($this->folder, self::DAY, "b\n")));
        File::open("$this->path/$first", 0o640)->truncate(64 * 1024 * 1024);
        clearstatcache();
        $next = Journal::append($this->folder, self::DAY, "c\n");
        self::assertSame(['events-2026-01-02.2.jsonl.php' => strlen(JournalFile::GUARD) + 2], $next);
    }

    public function testAFileThatWasNeverFinishedHasANameThatNobodyGuessesAndGoes(): void
    {
        $give = static function (File $file): void {
            $file->write(0, 'events');
            throw new \RuntimeException('killed');
        };
        try {
            $this->folder->make('events-2026-01-02.jsonl.php', $give);
            self::fail('it was not killed');
        } catch (\RuntimeException) {
            self::assertCount(1, preg_grep('/^events-2026-01-02\.jsonl\.php\.[0-9a-f]{32}\.new$/D', $this->folder->names()));
        }
        $this->folder->make('index.html', static fn (File $file) => $file->write(0, 'x'));
        self::assertSame(['.', '..', 'index.html'], $this->folder->names());
    }

    /** A start that has no time: it keeps what it has read. */
    private function recovers(): bool
    {
        try {
            (new Recover($this->folder, Index::open($this->folder), 0.0))->run();
            return true;
        } catch (Refused) {
            return false;
        }
    }

    private static function stream(int $number): string
    {
        return rtrim(strtr(base64_encode(str_pad(pack('N', $number), 16, "\1")), '+/', '-_'), '=');
    }

    private static function line(string $stream): string
    {
        return "{\"id\":\"$stream.7\",\"ts\":1,\"received\":" . self::NOW . ",\"app\":\"a\",\"type\":\"log\",\"data\":{}}\n";
    }
}
