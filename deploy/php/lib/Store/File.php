<?php

declare(strict_types=1);

namespace Beaconry\Store;

/** An open file. Whatever fails throws: PHP's warnings by the error handler, the rest here. */
final class File
{
    /** Bytes that are read at once. */
    public const CHUNK = 256 * 1024;

    /** @param resource $handle */
    private function __construct(private $handle)
    {
    }

    /** Opens a file for reading and writing; makes it where it is missing. */
    public static function open(string $path, int $mode): self
    {
        $isNew = !is_file($path);
        $handle = fopen($path, 'c+b') ?: throw new DiskError("$path cannot be opened");
        // What is buffered may be old by the next read.
        stream_set_read_buffer($handle, 0);
        if ($isNew) {
            chmod($path, $mode);
        }
        return new self($handle);
    }

    /** Makes the names in a folder durable: without its name a synced file is not there after a power cut. */
    public static function syncNames(string $folder): void
    {
        $handle = fopen($folder, 'rb');
        if ($handle === false || !fsync($handle)) {
            throw new DiskError("$folder cannot be synced");
        }
    }

    public function length(): int
    {
        return fstat($this->handle)['size'] ?? throw new DiskError('a file has no length');
    }

    /** At most $length bytes from $offset on; fewer only at the end. */
    public function read(int $offset, int $length): string
    {
        fseek($this->handle, $offset);
        $bytes = '';
        while (strlen($bytes) < $length) {
            $more = (string) fread($this->handle, $length - strlen($bytes));
            if ($more === '') {
                break;
            }
            $bytes .= $more;
        }
        return $bytes;
    }

    /** Writes all of the bytes at $offset, through short writes. */
    public function write(int $offset, string $bytes): void
    {
        fseek($this->handle, $offset);
        while ($bytes !== '') {
            $written = (int) fwrite($this->handle, $bytes);
            if ($written === 0) {
                throw new DiskError('nothing was written');
            }
            $bytes = substr($bytes, $written);
        }
    }

    public function truncate(int $length): void
    {
        if (!ftruncate($this->handle, $length)) {
            throw new DiskError('a file cannot be cut');
        }
    }

    /** Makes content and length durable. */
    public function sync(): void
    {
        if (!fsync($this->handle)) {
            throw new DiskError('a file cannot be synced');
        }
    }

    /** Takes the lock of this file; false after $seconds. The kernel frees it when the process ends, however it ends. */
    public function lock(float $seconds): bool
    {
        $end = microtime(true) + $seconds;
        while (!flock($this->handle, LOCK_EX | LOCK_NB, $isTaken)) {
            if ($isTaken !== 1) {
                throw new DiskError('the file system has no locks');
            }
            if (microtime(true) > $end) {
                return false;
            }
            usleep(random_int(500, 2_000));
        }
        return true;
    }
}
