/* Records appended to a file that a killed run leaves behind: src/store/journal.h has the layout. */
#include "store/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WORD = sizeof(uint64_t),
    HEADER = 3 * WORD, /* magic, fingerprint, checksum */
    FRAME = 3 * WORD,  /* index and count before the values, checksum behind */
    BLOCK = 4096       /* doubles that are checked at a time */
};

static const char MAGIC[WORD] = {'h', 'f', 'j', 'o', 'u', 'r', 'n', '1'};

struct hf_journal {
    char *path;
    int file;
    off_t end; /* of the last record */
    size_t members;
    const size_t *counts; /* shape (members) */
    off_t *place;         /* shape (members): where its last record begins; 0: none */
    off_t next;           /* while a record is being written: where its next value goes, ... */
    uint64_t hash;        /* ... the checksum of what was written of it, */
    size_t member, left;  /* whose it is, and how many values are missing */
};

uint64_t hf_hash(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* ---- bytes ------------------------------------------------------------------------------------------ */

static hf_status fail(hf_error *error, const hf_journal *journal, const char *what, int reason) {
    return hf_raise(error, HF_ERR_IO, "%s: cannot %s: %s", journal->path, what, strerror(reason));
}

static hf_status write_at(hf_error *error, const hf_journal *journal, off_t place, const void *bytes,
                          size_t count) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t written = pwrite(journal->file, next, count, place);
        if (written < 0 && errno != EINTR)
            return fail(error, journal, "write", errno);
        if (written < 0)
            continue;
        next += written;
        place += written;
        count -= (size_t)written;
    }
    return HF_OK;
}

/* *whole: false where the file ends before. */
static hf_status read_at(hf_error *error, const hf_journal *journal, off_t place, void *bytes, size_t count,
                         bool *whole) {
    char *next = bytes;
    *whole = false;
    while (count > 0) {
        ssize_t got = pread(journal->file, next, count, place);
        if (got < 0 && errno != EINTR)
            return fail(error, journal, "read", errno);
        if (got == 0)
            return HF_OK;
        if (got < 0)
            continue;
        next += got;
        place += got;
        count -= (size_t)got;
    }
    *whole = true;
    return HF_OK;
}

/* ---- records ---------------------------------------------------------------------------------------- */

static off_t record_bytes(size_t count) {
    return (off_t)(FRAME + count * sizeof(double));
}

/* Whether a whole record with the right checksum begins at a place, and whose it is. */
static hf_status check_record(hf_error *error, const hf_journal *journal, off_t place, double *block,
                              size_t *member, bool *valid) {
    uint64_t frame[2], checksum;
    HF_TRY(read_at(error, journal, place, frame, sizeof frame, valid));
    if (!*valid || frame[0] >= journal->members || frame[1] != journal->counts[frame[0]]) {
        *valid = false;
        return HF_OK;
    }
    *member = (size_t)frame[0];
    uint64_t hash = hf_hash(HF_HASH_EMPTY, frame, sizeof frame);
    place += 2 * WORD;
    for (size_t left = (size_t)frame[1], count; left > 0; left -= count) {
        count = left < BLOCK ? left : BLOCK;
        HF_TRY(read_at(error, journal, place, block, count * sizeof *block, valid));
        if (!*valid)
            return HF_OK;
        hash = hf_hash(hash, block, count * sizeof *block);
        place += (off_t)(count * sizeof *block);
    }
    HF_TRY(read_at(error, journal, place, &checksum, sizeof checksum, valid));
    *valid = *valid && checksum == hash;
    return HF_OK;
}

/* Find the records again, up to the first that is not valid. */
static hf_status scan(hf_error *error, hf_journal *journal) {
    double *block;
    HF_TRY(hf_array_create(error, BLOCK, &block));
    hf_status status = HF_OK;
    for (bool valid = true; valid && status == HF_OK;) {
        size_t member = 0;
        status = check_record(error, journal, journal->end, block, &member, &valid);
        if (status == HF_OK && valid) {
            journal->place[member] = journal->end;
            journal->end += record_bytes(journal->counts[member]);
        }
    }
    hf_array_destroy(&block);
    return status;
}

/* ---- opening ---------------------------------------------------------------------------------------- */

/* Whether the file still has its name: another process, or a whole folder that went, may have taken it. */
static hf_status find_name(hf_error *error, const hf_journal *journal, bool *named) {
    struct stat mine, there;
    if (fstat(journal->file, &mine) != 0)
        return fail(error, journal, "read", errno);
    if (!S_ISREG(mine.st_mode))
        return hf_raise(error, HF_ERR_IO, "%s: cannot write: not a file", journal->path);
    *named = stat(journal->path, &there) == 0 && there.st_ino == mine.st_ino && there.st_dev == mine.st_dev;
    return HF_OK;
}

/* Open and lock the file of this name. The process that had it may have removed it in between: then once
 * more, or this one would write to a file without a name. */
static hf_status open_locked(hf_error *error, hf_journal *journal) {
    for (bool named = false; !named;) {
        if (journal->file >= 0)
            close(journal->file);
        journal->file = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (journal->file < 0)
            return fail(error, journal, "write", errno);
        if (flock(journal->file, LOCK_EX | LOCK_NB) != 0)
            return errno == EWOULDBLOCK
                       ? hf_raise(error, HF_ERR_IO, "%s: another run is writing this file", journal->path)
                       : fail(error, journal, "lock", errno);
        HF_TRY(find_name(error, journal, &named));
    }
    return HF_OK;
}

static hf_status begin(hf_error *error, hf_journal *journal, const uint64_t header[3]) {
    if (ftruncate(journal->file, 0) != 0)
        return fail(error, journal, "write", errno);
    return write_at(error, journal, 0, header, HEADER);
}

/* A file that begins with other letters is somebody's, and stays. A torn header is the beginning of one. */
static hf_status check_magic(hf_error *error, const hf_journal *journal) {
    char found[WORD];
    ssize_t got = pread(journal->file, found, sizeof found, 0);
    if (got < 0)
        return fail(error, journal, "read", errno);
    if (memcmp(found, MAGIC, (size_t)got) != 0)
        return hf_raise(error, HF_ERR_IO, "%s: not a journal of headflow; expected it to be moved away",
                        journal->path);
    return HF_OK;
}

static hf_status journal_begin(hf_error *error, hf_journal *journal, uint64_t fingerprint) {
    uint64_t header[3] = {0, fingerprint, 0}, found[3];
    bool whole;
    memcpy(header, MAGIC, WORD);
    header[2] = hf_hash(HF_HASH_EMPTY, header, 2 * WORD);
    HF_TRY(open_locked(error, journal));
    HF_TRY(check_magic(error, journal));
    HF_TRY(read_at(error, journal, 0, found, HEADER, &whole));
    if (!whole || memcmp(found, header, HEADER) != 0)
        HF_TRY(begin(error, journal, header));
    journal->end = HEADER;
    HF_TRY(scan(error, journal));
    if (ftruncate(journal->file, journal->end) != 0)
        return fail(error, journal, "write", errno);
    return HF_OK;
}

hf_status hf_journal_open(hf_error *error, const char *path, uint64_t fingerprint, size_t members,
                          const size_t *counts, hf_journal **out) {
    *out = NULL;
    hf_journal *journal;
    HF_TRY(hf_allocate(error, 1, sizeof *journal, &journal));
    journal->file = -1;
    journal->members = members;
    journal->counts = counts;
    hf_status status = hf_string_copy(error, path, &journal->path);
    if (status == HF_OK)
        status = hf_allocate(error, members, sizeof *journal->place, &journal->place);
    if (status == HF_OK)
        status = journal_begin(error, journal, fingerprint);
    if (status != HF_OK)
        hf_journal_close(&journal);
    *out = journal;
    return status;
}

void hf_journal_close(hf_journal **journal) {
    if (journal == NULL || *journal == NULL)
        return;
    if ((*journal)->file >= 0)
        close((*journal)->file);
    free((*journal)->path);
    free((*journal)->place);
    free(*journal);
    *journal = NULL;
}

hf_status hf_journal_remove(hf_error *error, hf_journal *journal) {
    return unlink(journal->path) == 0 ? HF_OK : fail(error, journal, "remove", errno);
}

/* ---- members ---------------------------------------------------------------------------------------- */

bool hf_journal_has(const hf_journal *journal, size_t member) {
    assert(member < journal->members);
    return journal->place[member] != 0;
}

hf_status hf_journal_begin(hf_error *error, hf_journal *journal, size_t member) {
    assert(member < journal->members);
    uint64_t frame[2] = {member, journal->counts[member]};
    journal->member = member;
    journal->left = journal->counts[member];
    journal->hash = hf_hash(HF_HASH_EMPTY, frame, sizeof frame);
    journal->next = journal->end + 2 * WORD;
    return write_at(error, journal, journal->end, frame, sizeof frame);
}

hf_status hf_journal_append(hf_error *error, hf_journal *journal, size_t count, const double *values) {
    assert(count <= journal->left);
    HF_TRY(write_at(error, journal, journal->next, values, count * sizeof *values));
    journal->hash = hf_hash(journal->hash, values, count * sizeof *values);
    journal->next += (off_t)(count * sizeof *values);
    journal->left -= count;
    return HF_OK;
}

/* The checksum comes last, and the end moves when all is written: the next record takes the place of one that
 * failed. */
hf_status hf_journal_end(hf_error *error, hf_journal *journal) {
    assert(journal->left == 0);
    HF_TRY(write_at(error, journal, journal->next, &journal->hash, sizeof journal->hash));
    journal->place[journal->member] = journal->end;
    journal->end += record_bytes(journal->counts[journal->member]);
    return HF_OK;
}

hf_status hf_journal_put(hf_error *error, hf_journal *journal, size_t member, const double *values) {
    HF_TRY(hf_journal_begin(error, journal, member));
    HF_TRY(hf_journal_append(error, journal, journal->left, values));
    return hf_journal_end(error, journal);
}

hf_status hf_journal_get(hf_error *error, const hf_journal *journal, size_t member, double *values) {
    assert(hf_journal_has(journal, member));
    size_t bytes = journal->counts[member] * sizeof *values;
    uint64_t frame[2] = {member, journal->counts[member]}, checksum;
    off_t place = journal->place[member] + 2 * WORD;
    bool first, second;
    HF_TRY(read_at(error, journal, place, values, bytes, &first));
    HF_TRY(read_at(error, journal, place + (off_t)bytes, &checksum, sizeof checksum, &second));
    if (!first || !second || checksum != hf_hash(hf_hash(HF_HASH_EMPTY, frame, sizeof frame), values, bytes))
        return hf_raise(error, HF_ERR_IO,
                        "%s: damaged since it was written; expected the record of member %zu", journal->path,
                        member);
    return HF_OK;
}

/* ---- in the order of time --------------------------------------------------------------------------- */

hf_status hf_journal_next(hf_error *error, const hf_journal *journal, off_t *place, size_t *member,
                          off_t *values, bool *there) {
    uint64_t frame[2];
    *place = *place == 0 ? HEADER : *place;
    *there = *place < journal->end;
    if (!*there)
        return HF_OK;
    HF_TRY(read_at(error, journal, *place, frame, sizeof frame, there));
    if (!*there || frame[0] >= journal->members || frame[1] != journal->counts[frame[0]])
        return hf_raise(error, HF_ERR_IO, "%s: damaged since it was opened; expected a record at byte %lld",
                        journal->path, (long long)*place);
    *member = (size_t)frame[0];
    *values = *place + 2 * WORD;
    *place += record_bytes(journal->counts[*member]);
    return HF_OK;
}

hf_status hf_journal_read(hf_error *error, const hf_journal *journal, off_t record, size_t first,
                          size_t count, double *values) {
    bool whole;
    off_t place = record + (off_t)(first * sizeof *values);
    HF_TRY(read_at(error, journal, place, values, count * sizeof *values, &whole));
    return whole ? HF_OK
                 : hf_raise(error, HF_ERR_IO, "%s: shorter than it was; expected %zu numbers at byte %lld",
                            journal->path, count, (long long)place);
}

off_t hf_journal_length(const hf_journal *journal) {
    return journal->end;
}

hf_status hf_journal_cut(hf_error *error, hf_journal *journal, off_t length) {
    length = length == 0 ? HEADER : length;
    if (length < HEADER || length > journal->end)
        return hf_raise(error, HF_ERR_IO,
                        "%s: its first %lld bytes hold whole records; expected %lld, as its checkpoint says",
                        journal->path, (long long)journal->end, (long long)length);
    if (ftruncate(journal->file, length) != 0)
        return fail(error, journal, "write", errno);
    journal->end = length;
    return HF_OK;
}

hf_status hf_journal_sync(hf_error *error, const hf_journal *journal) {
    bool named;
    HF_TRY(find_name(error, journal, &named));
    if (!named)
        return hf_raise(error, HF_ERR_IO, "%s: removed while it was written; expected it to stay",
                        journal->path);
    return fsync(journal->file) == 0 ? HF_OK : fail(error, journal, "flush to disk", errno);
}
