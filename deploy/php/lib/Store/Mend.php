<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Log;

/** Takes bytes that are no lines out of a journal file, after they are safe in a side file. */
final class Mend
{
    public function __construct(private readonly Folder $folder, private readonly string $name)
    {
    }

    /**
     * @param non-empty-list<array{int, int}> $bad spans in ascending order
     * @return int the length of the mended file
     */
    public function run(File $file, array $bad, int $length): int
    {
        Log::write("$this->name: torn lines are taken out into a side file");
        $side = $this->folder->open(str_replace('.jsonl.php', '.torn.php', $this->name));
        $end = $side->length();
        foreach ($bad as [$from, $to]) {
            $end += self::copy($file, $from, $to, $side, $end);
        }
        $side->sync();
        $suffix = self::suffix($bad, $length);
        if ($bad[0][0] !== $suffix) {
            return $this->rewrite($file, $bad, $length);
        }
        $file->truncate($suffix);
        $file->sync();
        return $suffix;
    }

    /**
     * Where lines stand behind a hole: the file is written again without it, and takes the old one's name when it is whole.
     *
     * @param non-empty-list<array{int, int}> $bad
     */
    private function rewrite(File $file, array $bad, int $length): int
    {
        $written = 0;
        $this->folder->make($this->name, static function (File $new) use ($file, $bad, $length, &$written): void {
            $start = 0;
            foreach ([...$bad, [$length, $length]] as [$from, $to]) {
                $written += self::copy($file, $start, $from, $new, $written);
                $start = $to;
            }
        });
        return $written;
    }

    /**
     * Where the bad bytes that reach the end begin; the end if none do.
     *
     * @param list<array{int, int}> $bad
     */
    private static function suffix(array $bad, int $length): int
    {
        $isLast = static fn (int $start, array $span): int => $span[1] === $start ? $span[0] : $start;
        return array_reduce(array_reverse($bad), $isLast, $length);
    }

    private static function copy(File $from, int $start, int $end, File $to, int $at): int
    {
        for ($done = 0; $start + $done < $end; $done += strlen($bytes)) {
            $bytes = $from->read($start + $done, min(File::CHUNK, $end - $start - $done));
            if ($bytes === '') {
                throw new DiskError('a file ended early');
            }
            $to->write($at + $done, $bytes);
        }
        return $end - $start;
    }
}
