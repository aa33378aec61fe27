/* Chosen fields of a message as rows (out/get.h): `P.6.1`, `R.4`, `O.3[2].1`. */
#ifndef INSTLINK_ASTM_GET_H
#define INSTLINK_ASTM_GET_H

#include "astm/view.h"
#include "out/get.h"

extern const struct get_names astm_get_names;

/* The rows of one message after the other. Zero-initialised but for paths, which stay the caller's. */
struct astm_get {
    const struct get_paths *paths;
    struct get_row row;
    struct bytes scratch;
};

/* Begins with the message that a view has begun with, in VIEW_TEXT; the view is then used by nobody else. */
void astm_get_begin(struct astm_get *g);

/* Appends rows as astm_view_more does lines, each whole. */
enum view_progress astm_get_more(struct astm_get *g, struct astm_view *v, struct bytes *out);

void astm_get_free(struct astm_get *g);

#endif
