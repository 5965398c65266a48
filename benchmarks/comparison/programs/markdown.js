function marked(text, mark, tag) {
  let out = "";
  text.split(mark).forEach((part, i) => {
    out += i % 2 === 1 ? "<" + tag + ">" + part + "</" + tag + ">" : part;
  });
  return out;
}

function inline(text) {
  return marked(marked(text.replace(/&/g, "&amp;").replace(/</g, "&lt;"), "**", "b"), "`", "code");
}

function markdown(source) {
  const html = [];
  let paragraph = [], inList = false;
  for (const raw of source.split("\n")) {
    const line = raw.trim(), isItem = line.startsWith("- ");
    if (paragraph.length > 0 && (line === "" || isItem || line.startsWith("#"))) {
      html.push("<p>" + paragraph.join(" ") + "</p>");
      paragraph = [];
    }
    if (inList && !isItem) {
      html.push("</ul>");
      inList = false;
    }
    if (isItem) {
      if (!inList) {
        html.push("<ul>");
        inList = true;
      }
      html.push("<li>" + inline(line.slice(2)) + "</li>");
    } else if (line.startsWith("## ")) {
      html.push("<h2>" + inline(line.slice(3)) + "</h2>");
    } else if (line.startsWith("# ")) {
      html.push("<h1>" + inline(line.slice(2)) + "</h1>");
    } else if (line !== "") {
      paragraph.push(inline(line));
    }
  }
  if (paragraph.length > 0) html.push("<p>" + paragraph.join(" ") + "</p>");
  if (inList) html.push("</ul>");
  return html.join("\n");
}
