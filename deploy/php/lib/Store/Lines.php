<?php

declare(strict_types=1);

namespace Beaconry\Store;

/** The lines of a journal file. */
final class Lines
{
    /** Longer lines are no lines of ours: a request becomes 8 MiB at most. */
    private const MAX_BYTES = 16 * 1024 * 1024;

    /**
     * Each line from $from on: its start, its end, and the line without its break. What has no line break, or is too long,
     * is given as an empty one.
     *
     * @return \Generator<array{int, int, string}>
     */
    public static function of(File $file, int $from): \Generator
    {
        return self::split($from, static fn (int $at): string => $file->read($at, File::CHUNK));
    }

    /**
     * Each line of a packed file, by its place in the unpacked text.
     *
     * @return \Generator<array{int, int, string}>
     */
    public static function ofPacked(string $path): \Generator
    {
        $stream = fopen("compress.zlib://$path", 'rb') ?: throw new DiskError("$path cannot be unpacked");
        return self::split(0, static fn (): string => (string) fread($stream, File::CHUNK));
    }

    /**
     * @param \Closure(int): string $read gives what stands at a place, nothing at the end
     * @return \Generator<array{int, int, string}>
     */
    private static function split(int $start, \Closure $read): \Generator
    {
        $held = '';
        $at = $start;
        while (($bytes = $read($at)) !== '') {
            $at += strlen($bytes);
            $pieces = explode("\n", $held . $bytes);
            $held = array_pop($pieces);
            foreach ($pieces as $line) {
                $end = $start + strlen($line) + 1;
                yield [$start, $end, $line];
                $start = $end;
            }
            if (strlen($held) > self::MAX_BYTES) {
                yield [$start, $at, ''];
                [$start, $held] = [$at, ''];
            }
        }
        if ($start < $at) {
            yield [$start, $at, ''];
        }
    }
}
