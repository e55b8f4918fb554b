'use strict'
import { EventEmitter } from 'node:events'
const debug = require('debug')('app')

/** Largest body we read. */
export const LIMIT = 1024

export function parse (text) {
  const inner = (part) => part.trim()
  return text.split(',').map(inner)
}

export const handle = async (req) => {
  return req.url
}

const Button = memo(function Button (props) { return null })

class Router extends EventEmitter {
  static instances = 0
  #routes = []
  lookup = (path) => this.#routes[path]

  constructor () {
    super()
  }

  get size () { return this.#routes.length }
  async route (path) {
    return this.lookup(path)
  }
}

Router.prototype.close = function () {}
app.use = function use (fn) {}
exports.create = () => new Router()
module.exports.destroy = function () {}

const handlers = {
  open () {},
  shut: () => {},
}

function * ids () { yield 1 }
export default Router
