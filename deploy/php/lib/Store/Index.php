<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Log;
use Beaconry\Wire\BadJson;
use Beaconry\Wire\BadStreamLine;
use Beaconry\Wire\Ranges;
use Beaconry\Wire\StreamId;
use Beaconry\Wire\StreamLine;

/**
 * What is stored of every stream: made from the journal, kept in SQLite beside it. It may lag behind the journal, but never
 * runs ahead of it: an entry is put after the fsync of the lines that it tells of.
 */
final class Index
{
    /**
     * Streams are kept this long after they were last heard of, and refused when they are older and unknown: twice the
     * client's maximum age (14 days) and a week.
     */
    public const WINDOW_MS = 35 * self::DAY_MS;

    private const DAY_MS = 86_400_000;

    /**
     * "<?= " where SQLite keeps four bytes of the application's: asked for as a page, the file is a program with a mistake
     * in its first line (zero bytes follow), of which PHP shows nothing and runs nothing.
     */
    private const APPLICATION_ID = 0x3c3f3d20;

    private const TABLES = '
        CREATE TABLE streams (stream TEXT PRIMARY KEY, stored TEXT NOT NULL, line TEXT NOT NULL,
            deliveries INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX heard ON streams (last);
        CREATE TABLE files (name TEXT PRIMARY KEY, known INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;';

    private function __construct(private readonly \PDO $database)
    {
    }

    /** Opens the database, and makes it where it is missing. */
    public static function open(Folder $folder): self
    {
        $path = $folder->indexPath();
        if (!is_file($path)) {
            $folder->shield();
            $folder->touch($path);
        }
        $database = new \PDO("sqlite:$path");
        // Our lock keeps others out; the side file stays in place, empty between two changes.
        $database->exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE;');
        if ((int) $database->query('PRAGMA application_id')->fetchColumn() !== self::APPLICATION_ID) {
            $database->exec('BEGIN;' . self::TABLES . 'PRAGMA application_id = ' . self::APPLICATION_ID . ';COMMIT;');
        }
        return new self($database);
    }

    /**
     * Throws a damaged database away: the next request makes it again from the journal. The new one has another name, so
     * that a side file of the old one cannot be taken for one of the new.
     */
    public static function discard(Folder $folder): void
    {
        Log::write('the index is damaged and is made again from the journal');
        $folder->remove(basename($folder->indexPath()));
    }

    /** SQLITE_CORRUPT and SQLITE_NOTADB. A full or failing disk is no reason to throw an index away. */
    public static function isDamage(\Throwable $error): bool
    {
        $code = $error instanceof \PDOException ? $error->errorInfo[1] ?? 0 : 0;
        return $error instanceof BadJson || $error instanceof BadStreamLine || in_array($code, [11, 26], true);
    }

    /** @return array<string, int> how far each journal file is known */
    public function files(): array
    {
        $rows = $this->database->query('SELECT name, known FROM files');
        return array_map('intval', $rows->fetchAll(\PDO::FETCH_KEY_PAIR));
    }

    public function get(StreamId $stream): ?Record
    {
        $row = $this->run('SELECT * FROM streams WHERE stream = ?', [$stream->text])->fetch(\PDO::FETCH_ASSOC);
        if ($row === false) {
            return null;
        }
        return new Record(
            Ranges::parse($row['stored']),
            StreamLine::decode($row['line']),
            (int) $row['deliveries'],
            (int) $row['first'],
            (int) $row['last'],
        );
    }

    /**
     * Puts what one request, or one stretch of the journal, changes: all of it or nothing.
     *
     * @param iterable<Record> $records
     * @param array<string, int> $files how far they are known after this
     */
    public function put(iterable $records, array $files = []): void
    {
        $this->change(function () use ($records, $files): void {
            foreach ($records as $record) {
                $this->putRecord($record);
            }
            foreach ($files as $name => $known) {
                $this->run('INSERT OR REPLACE INTO files VALUES (?, ?)', [$name, $known]);
            }
        });
    }

    /**
     * Forgets journal files that are gone; one that comes back by that name is another.
     *
     * @param list<string> $names
     */
    public function forgetFiles(array $names): void
    {
        $this->change(function () use ($names): void {
            foreach ($names as $name) {
                $this->run('DELETE FROM files WHERE name = ?', [$name]);
            }
        });
    }

    /** No stream born before this is known (unix ms; 0: all are); null until it was brought up to the journal once. */
    public function since(): ?int
    {
        return $this->meta('since');
    }

    public function setSince(int $since): void
    {
        $this->run("INSERT OR REPLACE INTO meta VALUES ('since', ?)", [$since]);
    }

    /** Once a day lets go of the streams that were last heard of before the window. */
    public function prune(int $now): void
    {
        $today = intdiv($now, self::DAY_MS);
        if ($this->meta('pruned') === $today) {
            return;
        }
        $this->change(function () use ($today): void {
            $kept = $today * self::DAY_MS - self::WINDOW_MS;
            $this->run('DELETE FROM streams WHERE last < ?', [$kept]);
            $this->run("INSERT OR REPLACE INTO meta VALUES ('pruned', ?)", [$today]);
        });
    }

    private function putRecord(Record $record): void
    {
        $this->run('INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?)', [
            $record->line->stream->text,
            $record->stored->encode(),
            $record->line->encode(),
            $record->deliveries,
            $record->first,
            $record->last,
        ]);
    }

    private function meta(string $name): ?int
    {
        $value = $this->run('SELECT value FROM meta WHERE name = ?', [$name])->fetchColumn();
        return $value === false ? null : (int) $value;
    }

    private function change(\Closure $change): void
    {
        $this->database->beginTransaction();
        try {
            $change();
            $this->database->commit();
        } catch (\Throwable $error) {
            try {
                $this->database->rollBack();
            } catch (\PDOException) {
                // On a full disk SQLite has done so itself.
            }
            throw $error;
        }
    }

    /** @param list<int|string> $values */
    private function run(string $statement, array $values): \PDOStatement
    {
        $prepared = $this->database->prepare($statement);
        $prepared->execute($values);
        return $prepared;
    }
}
