#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir show --bom: a version as a CycloneDX 1.6 ML-BOM, by the rules of its schema.
. "$(dirname "$0")/lib.sh"
requires jq python3
rules="$top/tests/lib/cyclonedx.py"

mkvault vault
mkdir "$tmp/tree"
python3 "$top/tests/lib/mkmodel.py" safetensors "$tmp/tree/model.safetensors" \
    --tensors 12 --bytes 300000 >/dev/null
printf '{"model_type": "test"}\n' >"$tmp/tree/config.json"
ref=$(weir put meta/llama "$tmp/tree" --label step=9000 2>/dev/null)

exits 0 'a BOM of an unsigned version' weir show "$ref" --bom
printf '%s\n' "$out" >"$tmp/bom"
exits 0 'keeps the rules of the schema' python3 "$rules" "$tmp/bom"
out=$(cat "$tmp/bom")
json '.metadata.component | .type == "machine-learning-model" and
    .group == "meta" and .name == "llama" and .version == "'"${ref#*@}"'"' \
    'is of the model'
json '[.components[] | select(.name == "config.json")][0] |
    .type == "file" and .hashes[0].content == "'"$(sha256sum \
    "$tmp/tree/config.json" | cut -d' ' -f1)"'"' 'has its files by digest'
json '.metadata.component | has("licenses") | not' \
    'and nothing that nobody said'
property()
{
	printf '%s' "$out" | jq -r --arg n "weir:$1" \
	    '.metadata.component.properties[] | select(.name == $n) | .value'
}
is "$(property label:step)" 9000 'labels are properties'
is "$(property put_by)" "$me" 'who put it, too'
is "$(property parameters)" "$(weir show "$ref" --json | jq .parameters)" \
    'and how many parameters it has'

trusted carol
weir sign "$ref" --key carol --yes --licence Apache-2.0 --owner team-a \
    --classification internal --source-run run/7 >/dev/null 2>"$tmp/.err"
ok $? 'it is signed, with what is said of it'
exits 0 'a BOM of a signed version' weir show "$ref" --bom
printf '%s\n' "$out" >"$tmp/bom"
exits 0 'keeps the rules, too' python3 "$rules" "$tmp/bom"
out=$(cat "$tmp/bom")
json '.metadata.component.licenses[0].license.name == "Apache-2.0"' \
    'has the licence'
is "$(property owner) $(property classification) $(property source_run)" \
    'team-a internal run/7' 'and the rest'

# --- the same in a list ---

weir grant add meta/llama --to "$me" --loads 9 --export --reason t >/dev/null 2>&1
exits 0 'ls --long' weir ls --long --json
json '.models[0].versions[0] | .owner == "team-a" and .licence == "Apache-2.0"
    and .classification == "internal" and .source_run == "run/7" and
    .formats == ["safetensors"] and .parameters > 0 and
    (.dtypes | length) > 0 and (has("last_read") | not)' 'tells what is known'
exits 0 'show' weir show "$ref" --json
json 'has("last_read") | not' 'knows of no read, either'
weir get --allow-unsigned "$ref" "$tmp/out" >/dev/null 2>&1
exits 0 'after a read' weir ls --long --json
json '.models[0].versions[0].last_read | startswith("2")' 'says when that was'
read=$(printf '%s' "$out" | jq -r '.models[0].versions[0].last_read')
exits 0 'and show' weir show "$ref" --json
is "$(printf '%s' "$out" | jq -r .last_read)" "$read" 'says the same'
exits 0 'for people, too' weir show "$ref"
like "$out" '^read     last 2' 'in words'
weir rm "$ref" --quiet >/dev/null
exits 0 'for people' weir ls --long --all
like "$out" 'team-a +internal +Apache-2.0 +run/7' 'in a table'
like "$out" 'removed, until 2' 'with how long it is kept'
exits 0 'back' weir undelete "$ref"

# --- the rules find what breaks them ---

for broken in '.serialNumber = "7"' '.metadata.component.type = "model"' \
    '.components[0].hashes[0].content = "12"' 'del(.components[0].name)' \
    '.components[0]."bom-ref" = .components[1]."bom-ref"' '.x = 1' \
    '.dependencies[0].dependsOn += ["none"]' '.specVersion = "1.5"' \
    '.metadata.component.licenses[0].license.id = "MIT"' \
    '.metadata.timestamp = "today"' \
    '.metadata.component.properties[0].value = 1'; do
	jq "$broken" "$tmp/bom" >"$tmp/broken"
	fails "the rules find $broken" python3 "$rules" "$tmp/broken"
done
done_testing
