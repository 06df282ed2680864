<?php

declare(strict_types=1);

namespace Beaconry\Store;

/** Packs a journal file: gzip (RFC 1952) of its lines, with a guard that every unpacker passes over. */
final class Pack
{
    /** Magic, method, a flag that says that a comment follows, no time, no extra flags, unknown system. */
    private const HEADER = "\x1f\x8b\x08\x10\0\0\0\0\0\xff";

    /** The comment: asked for as a page, the file is a program that ends here. */
    private const GUARD = "<?php __halt_compiler();\0";

    public function __construct(private readonly Folder $folder)
    {
    }

    /** Writes the packed file and reads it again, before anybody takes it for whole; gives its length. */
    public function pack(JournalFile $file): int
    {
        $plain = $this->folder->open($file->name());
        $length = 0;
        $this->folder->make($file->packed()->name(), function (File $new, string $path) use ($plain, &$length): void {
            $hash = hash_init('sha256');
            foreach ($this->packed($plain, $hash) as $bytes) {
                $new->write($length, $bytes);
                $length += strlen($bytes);
            }
            if (hash_final($hash) !== hash_file('sha256', "compress.zlib://$path")) {
                throw new DiskError("$path is not what was packed; nothing was deleted");
            }
        });
        return $length;
    }

    /** @return \Generator<string> */
    private function packed(File $plain, \HashContext $hash): \Generator
    {
        yield self::HEADER . self::GUARD;
        $deflate = deflate_init(ZLIB_ENCODING_RAW) ?: throw new DiskError('zlib cannot pack');
        $sum = hash_init('crc32b');
        $start = strlen(JournalFile::GUARD);
        for ($at = $start; ($bytes = $plain->read($at, File::CHUNK)) !== ''; $at += strlen($bytes)) {
            hash_update($hash, $bytes);
            hash_update($sum, $bytes);
            yield (string) deflate_add($deflate, $bytes, ZLIB_NO_FLUSH);
        }
        yield (string) deflate_add($deflate, '', ZLIB_FINISH);
        yield strrev(hash_final($sum, true)) . pack('V', $at - $start);
    }
}
