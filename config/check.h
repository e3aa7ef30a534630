/*
 * Checks that look at more than one key. Private to config/; called by the walk through schema.c.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stdbool.h>

struct config;
struct load;
struct node;

void check_root(struct load *l, const struct node *node, void *object);  /* struct config */
void check_tun(struct load *l, const struct node *node, void *object);   /* struct config */
void check_conn(struct load *l, const struct node *node, void *object);  /* struct config_conn */
void check_child(struct load *l, const struct node *node, void *object); /* struct config_child */
void check_secret(struct load *l, const struct node *node, void *object);
bool check_secret_type(
    struct load *l, const struct node *node); /* false: of a type that is not built */

void check_pool(struct load *l, const struct node *node, void *object); /* struct config_pool */
/* Of a whole file: that pools do not overlap, and that connections name such as there are. */
void check_pools(struct load *l, const struct node *node, const struct config *c);

#endif
