<?php

declare(strict_types=1);

namespace Beaconry\Store;

/** The one place that appends events. It expects files to end with a whole line (see Recover). */
final class Journal
{
    /** A file is at most so long before the day goes on with the next: what FTP downloads again after a break. */
    private const MAX_FILE_BYTES = 64 * 1024 * 1024;

    /**
     * Appends whole lines to the file of a day (YYYY-MM-DD) and syncs them.
     *
     * @return array<string, int> the file, and how much of it is on disk now
     */
    public static function append(Folder $folder, string $day, string $lines): array
    {
        $name = self::current($folder, $day)->name();
        $file = $folder->open($name);
        $good = $file->length();
        try {
            $file->write($good, $lines);
            $file->sync();
        } catch (\Throwable $error) {
            // Whatever this leaves behind the next request's start reads or cuts.
            $file->truncate($good);
            $file->sync();
            throw $error;
        }
        return [$name => $good + strlen($lines)];
    }

    /** The day's last file, or the one after where that is full or packed already. */
    private static function current(Folder $folder, string $day): JournalFile
    {
        $ofDay = array_filter($folder->journal(), static fn (JournalFile $file): bool => $file->day === $day);
        $last = end($ofDay);
        if ($last === false) {
            return JournalFile::of($day, 1);
        }
        $isFull = $last->packed || filesize("$folder->path/{$last->name()}") >= self::MAX_FILE_BYTES;
        return $isFull ? $last->next() : $last;
    }
}
