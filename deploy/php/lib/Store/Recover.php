<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Receive\Decoder;
use Beaconry\Refusal;
use Beaconry\Refused;
use Beaconry\Wire\StreamLine;

/**
 * What every request begins with: takes torn lines out of the journal, and reads into the index what it does not know yet.
 * As a rule that is a look at the files' lengths.
 *
 * A request that was killed, or a power cut, leaves at most its own lines unsynced. Their pages may have reached the disk in
 * any order, so besides a torn end there may be a hole with whole lines behind it. Bytes that are no line go to a side file.
 */
final class Recover
{
    /** What can be in the journal without having been synced: the lines of a request, and its line of type `delivery`. */
    private const MAX_UNSYNCED_BYTES = Decoder::MAX_RENDERED_BYTES + 2 * StreamLine::MAX_BYTES + 4_096;

    /** A lost index is made again by as many requests as it takes: hosts end a script after 30 s. */
    private const SECONDS = 5.0;

    /** Lines stand in the order in which they were written, which is that of their receipt but for what a request takes. */
    private const MAX_DISORDER_MS = 60_000;

    /** Streams, and bytes of the journal, held in memory before they go to the index. */
    private const MAX_STREAMS = 1_024;
    private const MAX_HELD_BYTES = 4 * 1024 * 1024;

    /** @var array<string, Record> streams between the journal and the index */
    private array $records = [];

    private readonly float $end;

    public function __construct(
        private readonly Folder $folder,
        private readonly Index $index,
        float $seconds = self::SECONDS,
    ) {
        $this->end = microtime(true) + $seconds;
    }

    public function run(): void
    {
        $known = $this->index->files();
        $files = $this->folder->journal();
        foreach ($files as $file) {
            $this->catchUp($file, $known[$file->name()] ?? 0);
        }
        $names = array_map(static fn (JournalFile $file): string => $file->name(), $files);
        $gone = array_values(array_diff(array_keys($known), $names));
        if ($gone !== []) {
            $this->index->forgetFiles($gone);
        }
        if ($this->index->since() === null) {
            $this->index->setSince($files === [] ? 0 : $this->since($files[0]));
        }
    }

    /**
     * From when on a lost index knows that was made again from files of which this is the oldest (unix ms): of older streams, events may
     * have been stored in files that are gone.
     */
    private function since(JournalFile $oldest): int
    {
        if ($oldest->number === 1) {
            return $oldest->start();
        }
        // The day began in a file that is gone.
        $name = $oldest->name();
        $lines = $oldest->packed
            ? Lines::ofPacked("{$this->folder->path}/$name")
            : Lines::of($this->folder->open($name), strlen(JournalFile::GUARD));
        foreach ($lines as [, , $text]) {
            $line = JournalLine::parse($text);
            if ($line !== null) {
                return $line->received + self::MAX_DISORDER_MS;
            }
        }
        return (int) (microtime(true) * 1000);
    }

    private function catchUp(JournalFile $file, int $known): void
    {
        $name = $file->name();
        $length = (int) filesize("{$this->folder->path}/$name");
        if ($length < $known) {
            throw new Refused(Refusal::Setup, "$name has $length bytes, but the index knows $known of it: put the file back"
                . ' as it was, or delete the file index-….sqlite.php to make the index again from the files that are there.');
        }
        if ($length === $known) {
            return;
        }
        if ($file->packed) {
            $this->read($name, Lines::ofPacked("{$this->folder->path}/$name"), false);
            $this->put([$name => $length]);
            return;
        }
        $plain = $this->folder->open($name);
        self::rewriteEnd($plain, $known, $length);
        $bad = $this->read($name, Lines::of($plain, max($known, strlen(JournalFile::GUARD))), true);
        $this->put([$name => $bad === [] ? $length : (new Mend($this->folder, $name))->run($plain, $bad, $length)]);
    }

    /**
     * Makes durable what is about to be called known. It may have outlived its process in the page cache alone; and after a
     * failed sync the kernel may hold it for clean, so that only bytes that are written again are sure to reach the disk.
     */
    private static function rewriteEnd(File $file, int $known, int $length): void
    {
        for ($at = max($known, $length - self::MAX_UNSYNCED_BYTES); $at < $length; $at += strlen($bytes)) {
            $bytes = $file->read($at, min(File::CHUNK, $length - $at));
            if ($bytes === '') {
                throw new DiskError('a file ended early');
            }
            $file->write($at, $bytes);
        }
        $file->sync();
    }

    /**
     * Takes lines in. As long as none is bad, what has been read is kept even where time runs out.
     *
     * @param \Generator<array{int, int, string}> $lines
     * @return list<array{int, int}> the spans that are no lines
     */
    private function read(string $name, \Generator $lines, bool $canStop): array
    {
        $bad = [];
        $put = 0;
        foreach ($lines as [$start, $end, $text]) {
            $line = JournalLine::parse($text);
            if ($line === null) {
                $bad[] = [$start, $end];
                continue;
            }
            $this->take($line);
            if (count($this->records) >= self::MAX_STREAMS || $end - $put >= self::MAX_HELD_BYTES) {
                $put = $end;
                $this->put($canStop && $bad === [] ? [$name => $end] : []);
                if ($canStop && $bad === [] && microtime(true) > $this->end) {
                    throw new Refused(Refusal::Busy, 'a lost index is being made again from the journal, come again');
                }
            }
        }
        return $bad;
    }

    private function take(JournalLine $line): void
    {
        $id = $line->stream->text;
        $this->records[$id] ??= $this->index->get($line->stream) ?? Record::fresh($line->stream, $line->received);
        $record = $this->records[$id];
        $record->last = max($record->last, $line->received);
        if ($line->told === null) {
            $record->store($line->number);
        } else {
            $record->deliveries = max($record->deliveries, $line->number);
            $record->line->merge($line->told);
        }
    }

    /** @param array<string, int> $files */
    private function put(array $files): void
    {
        $this->index->put($this->records, $files);
        $this->records = [];
    }
}
