<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Receive\Decoded;
use Beaconry\Receive\Frame;
use Beaconry\Receive\Skew;
use Beaconry\Refusal;
use Beaconry\Refused;
use Beaconry\Wire\BadJson;
use Beaconry\Wire\BadStreamLine;
use Beaconry\Wire\Ranges;

/** Look up, append what is new, fsync, index: one request at a time, under the folder's lock. */
final class Store
{
    /** So long a request waits for those before it. Longer waits would hold all the processes that the host gives to PHP. */
    private const LOCK_SECONDS = 5.0;

    /** All of the stream's numbers that are on disk; null for a stream that is too old to be known. */
    public static function commit(Folder $folder, Decoded $decoded): ?Ranges
    {
        try {
            $lock = $folder->lock(self::LOCK_SECONDS);
            clearstatcache();
            $index = Index::open($folder);
            (new Recover($folder, $index))->run();
            return self::store($folder, $index, $decoded);
        } catch (\PDOException | \ErrorException | DiskError | BadJson | BadStreamLine $error) {
            // The body was read before: what cannot be read here is an entry of the index.
            if (Index::isDamage($error)) {
                Index::discard($folder);
            }
            throw new Refused(DiskError::of($error)->refusal(), null, $error);
        } finally {
            // The database first: the next one in line opens it at once.
            unset($index, $lock);
        }
    }

    private static function store(Folder $folder, Index $index, Decoded $decoded): ?Ranges
    {
        $stream = $decoded->line->stream;
        $received = $decoded->arrival->received;
        // Also of one that is known in part.
        if (self::isBefore($index, $decoded)) {
            return null;
        }
        $record = $index->get($stream);
        if ($record === null && $decoded->age() > Index::WINDOW_MS) {
            return null;
        }
        $record ??= Record::fresh($stream, $received);
        // Each day's files tell of a stream that was heard in it: those of earlier days may be deleted before the index is lost.
        $isAnotherDay = $record->deliveries > 0 && self::day($record->last) < self::day($received);
        $record->last = max($record->last, $received);
        $lines = self::takeNew($record, $decoded, $isAnotherDay);
        if ($record->isShredded()) {
            throw new Refused(Refusal::Shredded);
        }
        $index->put([$record], $lines === '' ? [] : Journal::append($folder, self::day($received), $lines));
        $index->prune($received);
        return $record->stored;
    }

    /** In UTC. */
    private static function day(int $ms): string
    {
        return gmdate('Y-m-d', intdiv($ms, 1000));
    }

    /** Notes what is new; gives its journal lines, and that of the books where they are told again. */
    private static function takeNew(Record $record, Decoded $decoded, bool $tellsBooks): string
    {
        $lines = '';
        foreach ($decoded->lines as $number => $line) {
            $lines .= $record->store($number) ? $line : '';
            // Told apart early: each piece costs the next one time.
            if ($record->stored->pieces() > Ranges::MAX) {
                break;
            }
        }
        if ($record->line->merge($decoded->line) || $tellsBooks) {
            $record->deliveries++;
            $skew = new Skew(null, $decoded->arrival->received, true);
            $frame = new Frame($decoded->arrival, $record->line, $skew);
            $lines .= $frame->renderDelivery($record->deliveries, $record->line);
        }
        return $lines;
    }

    /** Whether it was born before an index that was made again can know, by the client's own clock: a wrong one makes no stream old. */
    private static function isBefore(Index $index, Decoded $decoded): bool
    {
        return max(0, $decoded->arrival->received - $decoded->age()) < (int) $index->since();
    }
}
