#include "link/protocol.h"

struct link_config link_defaults(const struct protocol *protocol, enum astm_role role)
{
    return (struct link_config){.protocol = protocol, .astm = astm_link_defaults(role), .hl7 = hl7_link_defaults()};
}

void views_free(struct views *v)
{
    astm_view_free(&v->astm);
    astm_get_free(&v->get);
    hl7_view_free(&v->hl7);
}
