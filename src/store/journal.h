/* A journal: results of a long run as they come, kept in a file until all are there. Whoever is killed finds
 * those that were complete again. docs/formats.md, section 5.
 *
 * The file: a header of three 64-bit words, magic, fingerprint of what the results depend on, checksum; then
 * records of two words, index and count, `count` doubles, and a checksum. It is this machine's byte order: a
 * journal is no exchange format. One process at a time has it, by flock(). */
#ifndef HF_STORE_JOURNAL_H
#define HF_STORE_JOURNAL_H

#include <headflow/base.h>

#include <stdint.h>
#include <sys/types.h>

typedef struct hf_journal hf_journal;

/* 64-bit FNV-1a (Fowler, Noll and Vo) of some bytes behind others. */
#define HF_HASH_EMPTY UINT64_C(0xcbf29ce484222325)
uint64_t hf_hash(uint64_t hash, const void *bytes, size_t count);

/* Open a journal, or begin one. Of one with the same fingerprint the records up to the first that is damaged
 * or torn are kept, the rest is cut off; one with another fingerprint is begun anew. counts  shape (members):
 * doubles in the record of each, borrowed: must outlive the journal HF_ERR_IO when another process has it,
 * and when the file is something else than a journal. */
hf_status hf_journal_open(hf_error *error, const char *path, uint64_t fingerprint, size_t members,
                          const size_t *counts, hf_journal **out);

/* Close; the file stays. */
void hf_journal_close(hf_journal **journal);

/* Remove the file; the journal can only be closed afterwards. */
hf_status hf_journal_remove(hf_error *error, hf_journal *journal);

bool hf_journal_has(const hf_journal *journal, size_t member);

/* Append the record of a member: all its values at once, or between begin and end some at a time. A record
 * that cannot be written whole is none. values: shape (count) */
hf_status hf_journal_begin(hf_error *error, hf_journal *journal, size_t member);
hf_status hf_journal_append(hf_error *error, hf_journal *journal, size_t count, const double *values);
hf_status hf_journal_end(hf_error *error, hf_journal *journal);
hf_status hf_journal_put(hf_error *error, hf_journal *journal, size_t member, const double *values);

/* Read the record of a member that is there. values: shape (its count) */
hf_status hf_journal_get(hf_error *error, const hf_journal *journal, size_t member, double *values);

/* ---- in the order of time: where members have many records ------------------------------------------ */

/* Whether there is a record at *place, 0 being that of the first, and whose it is; *place moves behind it,
 * *values to its values. */
hf_status hf_journal_next(hf_error *error, const hf_journal *journal, off_t *place, size_t *member,
                          off_t *values, bool *there);

/* Some of the values of a record, of which `first` are left out. values: shape (count) */
hf_status hf_journal_read(hf_error *error, const hf_journal *journal, off_t record, size_t first,
                          size_t count, double *values);

/* Where the last record ends; and make it end there again, with the records behind it gone; 0: all of them.
 * HF_ERR_IO when there is no such place. */
off_t hf_journal_length(const hf_journal *journal);
hf_status hf_journal_cut(hf_error *error, hf_journal *journal, off_t length);

/* Make all records safe on disk. HF_ERR_IO also when the file no longer has its name. */
hf_status hf_journal_sync(hf_error *error, const hf_journal *journal);

#endif
