/* For clients that are made of several managed connections. */
#ifndef MANAGED_H
#define MANAGED_H

#include <sch.h>

/* `told` gets every action that the connection does not answer itself. */
void managed_told(void *client, void (*told)(void *user, const sch_conn *sch, const sch_action *action), void *user);
/* The bytes of the last reply, until the next command; their length. */
size_t managed_reply(void *client, const char **raw);

#endif
