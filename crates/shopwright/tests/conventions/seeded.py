"""Half of the calls that name a thing in their path name one that is there."""

import json
import os

import schemathesis

SEEDED = json.loads(os.environ["SHOPWRIGHT_SEEDED"])
EXAMPLES = {"sku": "85123A"}
calls = 0


def known(path, name):
    """The id that was made for the longest list of which `path` is a part."""
    lists = [known for known in SEEDED if path.startswith(known + "/{")]
    return SEEDED[max(lists, key=len)] if name == "id" and lists else EXAMPLES.get(name)


@schemathesis.hook
def before_call(context, case, kwargs):
    global calls
    calls += 1
    if calls % 2 or not case.path_parameters:
        return
    for name in list(case.path_parameters):
        value = known(case.operation.path, name)
        if value is not None:
            case.path_parameters[name] = value
