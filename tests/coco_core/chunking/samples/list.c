#include <stdio.h>
#include "list.h"

#define LIST_MAX 16
#define LIST_EACH(item, list) \
    for (item = list; item; item = item->next)

typedef struct node {
    int value;
    struct node *next;
} node_t;

typedef int (*compare_fn)(int, int);

enum order { ASC, DESC };

static const char *names[] = { "a", "b" };
int list_count = 0;

int list_length(const node_t *list);

/* Adds to the front. */
static node_t *
list_push(node_t *list, int value)
{
    int local = value;
    return NULL;
}

#ifdef LIST_DEBUG
void list_dump(void) {}
#endif
