#include <memory>
#include "shape.hpp"

namespace geo {

template <typename T>
class Shape : public Base {
public:
    explicit Shape(T size);
    virtual ~Shape() = default;
    virtual double area() const = 0;
    T& size() { return size_; }
    bool operator==(const Shape& other) const { return true; }

private:
    T size_;
};

struct Point { int x, y; };

enum class Color { Red, Green };

using Points = std::vector<Point>;

template <typename T>
Shape<T>::Shape(T size) : size_(size) {}

double Circle::area() const {
    return 3.14;
}

template <typename T>
T clamp(T value) { return value; }

std::unique_ptr<Point> make_point();
Point* find(int id) { return nullptr; }

}  // namespace geo
