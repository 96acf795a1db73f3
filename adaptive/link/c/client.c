/* A whole client: lease, read plans, report. Build: cc -o client client.c; run: ./client [SOCKET] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "adaptived.h"

static char answer[65536];

static const char *ask(int desk, const char *request)
{
    ssize_t size = -1;
    if (send(desk, request, strlen(request), MSG_NOSIGNAL) > 0)
        size = recv(desk, answer, sizeof answer - 1, 0);
    answer[size > 0 ? size : 0] = '\0';
    return answer;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct adaptived_plan plan;
    struct adaptived_heat heat;
    char report[256], path[256];
    int desk = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", argc > 1 ? argv[1] : ADAPTIVED_SOCKET);
    if (connect(desk, (struct sockaddr *)&address, sizeof address) != 0)
        return perror(address.sun_path), 1;
    const char *found = strstr(ask(desk, "{\"ask\":\"lease\",\"name\":\"c-client\"}"), "\"page\":\"");
    if (!found || sscanf(found, "\"page\":\"%255[^\"]", path) != 1)
        return fprintf(stderr, "no lease: %s\n", answer), 1;
    int file = open(path, O_RDONLY);
    void *page = mmap(NULL, ADAPTIVED_PAGE_SIZE, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        return perror(path), 1;
    for (int period = 0; period < 20; period++) {
        if (adaptived_read_plan(page, &plan) && adaptived_read_heat(page, &heat)) {
            /* ... classify frames at plan.bits[0..plan.layers-1] here ... */
            printf("plan %u: %s, %u layers, first at %u bits, duty %.2f, headroom %.2f\n",
                   plan.sequence, plan.point, plan.layers, plan.bits[0], plan.duty, heat.headroom);
            snprintf(report, sizeof report,
                     "{\"ask\":\"report\",\"demand_hz\":30,\"served_hz\":30,\"latency_s\":0.02,"
                     "\"backlog\":0,\"sequence\":%u}", plan.sequence);
            if (!strstr(ask(desk, report), "noted"))
                return fprintf(stderr, "lease lost: %s\n", answer), 1;
            if (argc > 2)
                return 0;
        }
        usleep(100000);
    }
    return 0;
}
