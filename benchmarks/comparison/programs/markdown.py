"""A little Markdown to HTML: headings, lists, paragraphs, bold and code."""


def marked(text, mark, tag):
    out = ""
    for i, part in enumerate(text.split(mark)):
        if i % 2 == 1:
            out += f"<{tag}>{part}</{tag}>"
        else:
            out += part
    return out


def inline(text):
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return marked(marked(text, "**", "b"), "`", "code")


def markdown(source):
    html = []
    paragraph = []
    in_list = False
    for raw in source.splitlines():
        line = raw.strip()
        is_item = line.startswith("- ")
        if paragraph and (line == "" or is_item or line.startswith("#")):
            html.append("<p>" + " ".join(paragraph) + "</p>")
            paragraph = []
        if in_list and not is_item:
            html.append("</ul>")
            in_list = False
        if is_item:
            if not in_list:
                html.append("<ul>")
                in_list = True
            html.append("<li>" + inline(line[2:]) + "</li>")
        elif line.startswith("## "):
            html.append("<h2>" + inline(line[3:]) + "</h2>")
        elif line.startswith("# "):
            html.append("<h1>" + inline(line[2:]) + "</h1>")
        elif line != "":
            paragraph.append(inline(line))
    if paragraph:
        html.append("<p>" + " ".join(paragraph) + "</p>")
    if in_list:
        html.append("</ul>")
    return "\n".join(html)
