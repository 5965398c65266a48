"""A list of records: changed, joined, sorted and summed."""


def records(n):
    people = []
    for i in range(n):
        people.append({"id": i, "name": f"p{i % 37}", "dept": i % 7, "pay": 1000 + (i * 53) % 900, "tags": []})
    depts = {}
    for person in people:
        if person["pay"] > 1500:
            person["tags"].append("high")
            person["pay"] -= 100
        key = "d" + str(person["dept"])
        if key not in depts:
            depts[key] = {"pay": 0, "names": []}
        dept = depts[key]
        dept["pay"] += person["pay"]
        if person["name"] not in dept["names"]:
            dept["names"].append(person["name"])
    out = []
    for key, dept in depts.items():
        out.append(key + "=" + str(dept["pay"]) + "/" + str(len(dept["names"])))
    return " ".join(sorted(out))
