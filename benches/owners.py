"""Who holds the heap at the end of a run, by DHAT's profile: octets, blocks, and the innermost places of the crate."""

import collections
import json
import re
import sys

profile = json.load(open(sys.argv[1]))
frames = [re.sub(r"^0x[0-9A-F]+: ", "", frame) for frame in profile["ftbl"]]
held = collections.Counter()
blocks = collections.Counter()
for point in profile["pps"]:
    ours = [frames[at] for at in point["fs"] if "library/" not in frames[at] and "valgrind" not in frames[at]]
    place = " < ".join(re.sub(r".*\((.*)\)", r"\1", frame) for frame in ours[:3])
    held[place] += point["eb"]
    blocks[place] += point["ebk"]
for place, octets in held.most_common(25):
    if octets:
        print(f"{octets:>10} {blocks[place]:>7}  {place}")
