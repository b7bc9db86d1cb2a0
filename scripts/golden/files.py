"""The files of `vectors/`: their names, and the one form in which JSON is laid out there."""

import json
from collections.abc import Callable

from golden import admissions, digests, encodings, lifecycles, lifecycles_whole, proofs, receipts, records, trees
from golden.lifecycles import STORIES
from golden.log import Json, Recorder
from golden.trace import rows_taken
from golden.world import GENESIS, NETWORK
from interlock.core.rejection import Reason
from interlock.encoding.canonical import to_json
from interlock.encoding.values import hex_of

LINE_WIDTH = 120
"""Characters of a line: a value that fits stands on one, so that a change of one value changes one line."""

FILES: dict[str, Callable[[], Json]] = {
    "keys.json": encodings.keys,
    "canonical.json": encodings.canonical,
    "blocks.json": encodings.blocks,
    "signatures.json": encodings.signatures,
    "typed-data.json": digests.typed_data,
    "settlement-ids.json": digests.settlement_ids,
    "merkle.json": trees.merkle,
    "batches.json": trees.batches,
    "certificates.json": proofs.certificates,
    "orders.json": proofs.orders,
    "rotations.json": proofs.rotations,
    "admission.json": admissions.admission,
    "doors.json": encodings.doors,
    "sign-once.json": records.sign_once,
}
"""What gives each file; the lifecycles stand beside."""

_ = lifecycles, lifecycles_whole


def folder_of() -> dict[str, str]:
    """Give every file of the folder by its name, as text."""
    files = {name: give() for name, give in FILES.items()}
    files |= {name: give() for name, give in receipts.receipts().items()}
    files |= {f"lifecycles/{name}.json": lifecycle(name) for name in STORIES}
    for document in files.values():
        document["tags"] = sorted(set(document["tags"]))
    return {name: laid_out(document) + "\n" for name, document in files.items()}


def lifecycle(name: str) -> Json:
    """Give one lifecycle, played from the beginning."""
    sentence, tags, tell = STORIES[name]
    log = Recorder()
    with rows_taken() as rows:
        tell(log)
    kinds = {
        entry["kind"]
        for block in log.blocks
        for place, entry in enumerate(block["entries"])
        if all(each["entry"] != place for each in block["rejected"])
    }
    rejected = {each["reason"] for block in log.blocks for each in block["rejected"]}
    recorded = {
        each["reason"] for block in log.blocks for each in block["after"]["settlements"] if each["reason"] is not None
    }
    return {
        "tells": sentence,
        "tags": [
            *tags,
            *(f"RULE-{row}" for row in rows),
            *(f"ENTRY-{kind}" for kind in kinds),
            *(tag_of(Reason[each]) for each in rejected | recorded),
        ],
        "network": hex_of(NETWORK),
        "genesis": to_json(GENESIS),
        "blocks": log.blocks,
    }


def tag_of(reason: Reason) -> str:
    """Give the tag of a reason: of admission, or of any other check."""
    return f"{'ADMIT' if reason.is_unalterable or reason.is_passing else 'REJECT'}-{reason.name}"


def laid_out(value: Json, indent: int = 0) -> str:
    """Give JSON with sorted keys, one value a line where it fits, else its members on lines of their own."""
    flat = json.dumps(value, sort_keys=True, ensure_ascii=True)
    if len(flat) + indent <= LINE_WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner, pad = indent + 1, " " * (indent + 1)
    if isinstance(value, dict):
        parts = [f"{pad}{json.dumps(key)}: {laid_out(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(f"{pad}{laid_out(each, inner)}" for each in value) + "\n" + " " * indent + "]"
