<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Refusal;
use Beaconry\Refused;

/** The folder with journal, index and lock. */
final class Folder
{
    private const LOCK = 'lock';

    /**
     * The index's name. SQLite writes a side file beside it that no guard can stand in, so nobody shall guess the name:
     * a part of it is random, made with the file.
     */
    private const INDEX = '/^index-[0-9a-f]{32}\.sqlite\.php$/D';

    private const UNFINISHED = '/\.[0-9a-f]{32}\.new$/D';

    private function __construct(public readonly string $path, private readonly int $fileMode)
    {
    }

    /**
     * The first candidate that is there, else the first that can be made. One that is there and cannot be written to is an
     * error: to go on in another would split the journal.
     *
     * @param list<string> $candidates
     */
    public static function find(array $candidates, int $fileMode): self
    {
        // Without warnings: where a host allows nothing but its own folders, any look elsewhere is one.
        foreach ($candidates as $path) {
            if (@is_dir($path)) {
                return is_writable($path) ? new self($path, $fileMode) : throw new Refused(
                    Refusal::Setup,
                    "The folder $path cannot be written to: give the user that runs PHP the permission (chmod 700 if it"
                    . ' owns it, else 770 or 777), or name another under `data` in config.php.',
                );
            }
        }
        foreach ($candidates as $path) {
            // Who may read the files may look for them.
            if (@mkdir($path, $fileMode | 0o700 | ($fileMode & 0o044) >> 2, true)) {
                return new self($path, $fileMode);
            }
        }
        throw new Refused(Refusal::Setup, 'None of the folders under `data` in config.php can be made: make one by FTP, and'
            . ' see that PHP may write to it.');
    }

    /** Takes the one lock of the folder, until what is returned is let go of. */
    public function lock(float $seconds): File
    {
        $file = File::open("$this->path/" . self::LOCK, $this->fileMode);
        return $file->lock($seconds) ? $file : throw new Refused(Refusal::Busy);
    }

    /** Who made the lock, and so runs PHP for the web; null before there was a request. */
    public function owner(): ?int
    {
        $lock = "$this->path/" . self::LOCK;
        return is_file($lock) ? (int) fileowner($lock) : null;
    }

    /** @return list<string> the names of all files */
    public function names(): array
    {
        return scandir($this->path) ?: throw new DiskError("$this->path cannot be listed");
    }

    /** @return list<JournalFile> by day, then by number; each once, whatever it is packed with */
    public function journal(): array
    {
        $files = array_values(array_filter(array_map(JournalFile::parse(...), $this->names())));
        usort($files, JournalFile::compare(...));
        $isFirst = static fn (int $at): bool =>
            $at === 0 || [$files[$at]->day, $files[$at]->number] != [$files[$at - 1]->day, $files[$at - 1]->number];
        return array_values(array_filter($files, $isFirst, ARRAY_FILTER_USE_KEY));
    }

    /** Where the index is, or will be. */
    public function indexPath(): string
    {
        $names = preg_grep(self::INDEX, $this->names());
        return $this->path . '/' . (reset($names) ?: 'index-' . bin2hex(random_bytes(16)) . '.sqlite.php');
    }

    /** Keeps out who is only looking: for servers that read .htaccess, and those that list folders. */
    public function shield(): void
    {
        foreach (['.htaccess' => "Require all denied\n", 'index.html' => ''] as $name => $content) {
            if (!is_file("$this->path/$name")) {
                $this->make($name, static fn (File $file) => $file->write(0, $content));
            }
        }
    }

    /** Opens a file that begins with the guard. */
    public function open(string $name): File
    {
        $path = "$this->path/$name";
        if (!is_file($path)) {
            $this->make($name, static fn (File $file) => $file->write(0, JournalFile::GUARD));
        }
        $file = File::open($path, $this->fileMode);
        if ($file->read(0, strlen(JournalFile::GUARD)) !== JournalFile::GUARD) {
            throw new DiskError("$name does not begin with its guard: move it away, nothing is written to it");
        }
        return $file;
    }

    /** Makes an empty file that nobody else may read, before somebody else writes into it. */
    public function touch(string $path): void
    {
        File::open($path, $this->fileMode);
    }

    /**
     * Makes a file whole: it has its name when it has its content, also after a power cut. Until then it has one that nobody
     * can guess, for it may hold events, and is no program that ends before them.
     *
     * @param \Closure(File, string): void $write is given the empty file and its path
     */
    public function make(string $name, \Closure $write): void
    {
        foreach (preg_grep(self::UNFINISHED, $this->names()) ?: [] as $left) {
            // Of a process that was killed: we have the lock.
            $this->remove($left);
        }
        $path = "$this->path/$name." . bin2hex(random_bytes(16)) . '.new';
        $file = File::open($path, $this->fileMode);
        $write($file, $path);
        $file->sync();
        rename($path, "$this->path/$name");
        File::syncNames($this->path);
    }

    public function remove(string $name): void
    {
        unlink("$this->path/$name");
        File::syncNames($this->path);
    }
}
