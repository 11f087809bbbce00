/* busbar: the one binary. Everything is in the library of src/cli, so that tests can link it. */
#include "cli/cli.h"

int main(int argc, char **argv) {
    return bb_cli_run(argc, argv);
}
