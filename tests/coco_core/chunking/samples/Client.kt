package acme.client

import okhttp3.Request
import okhttp3.Response

/** Talks to the server. */
@Stable
data class Client(
  val name: String,
) : Closeable {
  private val cache = mutableMapOf<String, String>()

  constructor(id: Int) : this("x")

  override fun close() {
    val local = 1
  }

  companion object {
    const val LIMIT = 3

    fun create(): Client = Client("a")
  }

  enum class Mode {
    Fast,
    Slow,
  }
}

interface Listener {
  fun changed(id: Int)
}

object Registry {
  fun find(id: Int) = 1
}

typealias Id = String

fun String.shout(): String = uppercase()

fun <T> List<T>.second(): T = this[1]

fun main() {
  println("x")
}

val version = "1"
