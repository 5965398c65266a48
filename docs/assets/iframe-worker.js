/* Browsers start no workers from pages that were opened as files.  There this runs a worker's script in a hidden frame, so
   that the search works without a server. */
(() => {
  if (location.protocol !== "file:") return

  window.Worker = class IFrameWorker extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.appendChild(this.frame)
      const inner = this.frame.contentWindow
      inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      const script = inner.document.createElement("script")
      script.src = new URL(url, location.href).href
      script.onload = () => {
        this.ready = true
        this.waiting.splice(0).forEach(data => this.pass(data))
      }
      inner.document.body.appendChild(script)
    }

    postMessage(data) {
      if (this.ready) this.pass(data)
      else this.waiting.push(data)
    }

    pass(data) {
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }))
    }

    terminate() {
      this.frame.remove()
    }
  }
})()
