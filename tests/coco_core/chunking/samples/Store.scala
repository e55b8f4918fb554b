package acme.store

import scala.collection.mutable
import java.io.{File, InputStream}

/** Keeps items. */
case class Store[T](items: List[T]) extends Base {
  val size = items.length
  type Id = String

  def find(id: Id): Option[T] = {
    val local = 1
    None
  }
}

object Store {
  def empty: Store[Int] = Store(Nil)
  implicit val ordering: Ordering[Int] = null
}

sealed trait Event {
  def name: String
}

enum Color {
  case Red, Green
}

extension (s: String) def shout: String = s.toUpperCase
