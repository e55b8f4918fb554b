import 'dart:math';

class Hive {
  final String place;
  final List<double> frames;
  Hive(this.place, this.frames);

  double get total => frames.fold(0, (a, b) => a + b);

  bool heavierThan(Hive other) {
    return total > other.total;
  }
}

void main() {
  final hive = Hive('garden', [1.5, 2.5, sqrt(2)]);
  print('${hive.place}: ${hive.total}');
}
