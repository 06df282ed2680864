<?php

declare(strict_types=1);

namespace Beaconry;

use Beaconry\Http\Warnings;
use Beaconry\Store\Folder;
use Beaconry\Store\Index;
use Beaconry\Store\JournalFile;
use Beaconry\Store\Pack;
use Beaconry\Store\Recover;

/** What is done once a night: packs closed files, deletes old ones, lets the index forget. */
final class Rotation
{
    private const DAY_SECONDS = 86_400;

    /** Requests wait five seconds for the lock; this may wait longer. */
    private const LOCK_SECONDS = 60.0;

    /** On the command line a lost index is made again in one go. */
    private const RECOVER_SECONDS = 86_400.0;

    private function __construct(private readonly Folder $folder, private readonly int $keepDays)
    {
    }

    /** Says what it does; gives the exit status. */
    public static function main(string $configFile): int
    {
        Warnings::throw();
        try {
            Host::check();
            $config = Config::read($configFile);
            $folder = Folder::find($config->data, $config->fileMode);
            self::checkUser($folder);
            (new self($folder, $config->keepDays))->run(time());
            return 0;
        } catch (\Throwable $error) {
            fwrite(STDERR, "rotate-logs: {$error->getMessage()}\n");
            return 1;
        }
    }

    /** Files of another user would lock out the requests. */
    private static function checkUser(Folder $folder): void
    {
        $owner = $folder->owner();
        if (function_exists('posix_geteuid') && $owner !== null && $owner !== posix_geteuid()) {
            throw new Refused(Refusal::Setup, "run this as the user who runs PHP for the web, whose id is $owner");
        }
    }

    private function run(int $now): void
    {
        $this->locked(static fn (Index $index) => $index->prune($now * 1000));
        $today = gmdate('Y-m-d', $now);
        $oldest = gmdate('Y-m-d', $now - $this->keepDays * self::DAY_SECONDS);
        foreach ($this->folder->journal() as $file) {
            if ($this->keepDays > 0 && $file->day < $oldest) {
                $this->locked(fn () => $this->delete($file));
            } elseif ($file->day < $today && !$file->packed) {
                $this->locked(fn (Index $index) => $this->pack($index, $file));
            }
        }
    }

    /** Does one thing under the lock: requests come in between. */
    private function locked(\Closure $work): void
    {
        $lock = $this->folder->lock(self::LOCK_SECONDS);
        clearstatcache();
        $index = Index::open($this->folder);
        (new Recover($this->folder, $index, self::RECOVER_SECONDS))->run();
        $work($index);
        unset($index, $lock);
    }

    private function pack(Index $index, JournalFile $file): void
    {
        if (!extension_loaded('zlib')) {
            echo "{$file->name()}: stays as it is, for the PHP extension zlib is missing\n";
            return;
        }
        $length = (new Pack($this->folder))->pack($file);
        $packed = $file->packed()->name();
        // Known before the plain one goes: nothing is read twice.
        $index->put([], [$packed => $length]);
        $this->folder->remove($file->name());
        echo "$packed: packed, $length bytes\n";
    }

    private function delete(JournalFile $file): void
    {
        $this->folder->remove($file->name());
        echo "{$file->name()}: deleted, older than $this->keepDays days\n";
    }
}
