local function inline(text)
  text = text:gsub("&", "&amp;"):gsub("<", "&lt;")
  text = text:gsub("%*%*(.-)%*%*", "<b>%1</b>"):gsub("`(.-)`", "<code>%1</code>")
  return text
end

function markdown(source)
  local html, paragraph, in_list = {}, {}, false
  for raw in (source .. "\n"):gmatch("(.-)\n") do
    local line = raw:match("^%s*(.-)%s*$")
    local is_item = line:sub(1, 2) == "- "
    if #paragraph > 0 and (line == "" or is_item or line:sub(1, 1) == "#") then
      html[#html + 1] = "<p>" .. table.concat(paragraph, " ") .. "</p>"
      paragraph = {}
    end
    if in_list and not is_item then
      html[#html + 1] = "</ul>"
      in_list = false
    end
    if is_item then
      if not in_list then
        html[#html + 1] = "<ul>"
        in_list = true
      end
      html[#html + 1] = "<li>" .. inline(line:sub(3)) .. "</li>"
    elseif line:sub(1, 3) == "## " then
      html[#html + 1] = "<h2>" .. inline(line:sub(4)) .. "</h2>"
    elseif line:sub(1, 2) == "# " then
      html[#html + 1] = "<h1>" .. inline(line:sub(3)) .. "</h1>"
    elseif line ~= "" then
      paragraph[#paragraph + 1] = inline(line)
    end
  end
  if #paragraph > 0 then html[#html + 1] = "<p>" .. table.concat(paragraph, " ") .. "</p>" end
  if in_list then html[#html + 1] = "</ul>" end
  return table.concat(html, "\n")
end
