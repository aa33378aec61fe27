/* Chosen fields as a table (--get): `MSH-10,PID-3.1,OBX-5`, `P.6.1,R.4`. What the names mean, and which record stands
 * under which, the protocol says; it walks through its records, tells of each here, and fetches the text of a path. */
#ifndef INSTLINK_GET_H
#define INSTLINK_GET_H

#include "base/bytes.h"

enum {
    GET_PATHS = 64, /* most of them */
    GET_NAME = 8,   /* longest name of a record, with NUL */
};

/* A record's name in capitals, `-` or `.`, a field, `[repetition]`, `.component`, `.subcomponent`; all numbers count
 * from 1. */
struct get_path {
    char name[GET_NAME];
    size_t field;
    size_t repetition, component, subcomponent; /* 0: not named */
    unsigned depth;                             /* of the record */
};

struct get_paths {
    struct get_path path[GET_PATHS];
    size_t count;
    size_t deepest; /* the path whose record makes a row; the last of several of one depth */
};

/* What a protocol says of names. */
struct get_names {
    size_t length;                       /* of a record's name */
    bool subcomponents;                  /* there is a level below components */
    unsigned (*depth)(const char *name); /* how deep it stands: 0 is the header */
};

/* Reads one path, all of `text`. False when it is none. */
bool get_path_parse(struct get_path *path, const struct get_names *names, const char *text, size_t n);

/* Reads paths with commas between them. NULL when all is well; else the one that is wrong, up to its end or comma. */
const char *get_parse(struct get_paths *paths, const struct get_names *names, const char *text);

/* A record, in the protocol's own memory; p is NULL where there is none. */
struct get_record {
    const unsigned char *p;
    size_t n;
};

/* The records that a row is made of. */
struct get_row {
    struct get_record cell[GET_PATHS];
};

/* A message begins. */
void get_begin(struct get_row *row);

/* The record becomes that of its name. Returns whether a row is due. */
bool get_take(struct get_row *row, const struct get_paths *paths, const void *name, size_t len,
              struct get_record record);

/* Records that stand deeper have nothing to do with those that come. */
void get_forget(struct get_row *row, const struct get_paths *paths, unsigned depth);

/* Appends what a path names of a record, in UTF-8. False when memory is exhausted. */
typedef bool get_cell(void *context, const struct get_path *path, struct get_record record, struct bytes *out);

/* Appends a row: the cells as tsv_cell has them, absent ones empty, tabs between them, LF behind. False, with out as it
 * was, when memory is exhausted. scratch: storage of the caller's that is used over and over. */
bool get_write(const struct get_row *row, const struct get_paths *paths, get_cell *cell, void *context,
               struct bytes *scratch, struct bytes *out);

#endif
