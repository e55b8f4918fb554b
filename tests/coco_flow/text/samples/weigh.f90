module weigh
  implicit none
contains
  function total(frames, n) result(sum)
    integer, intent(in) :: n
    real, intent(in) :: frames(n)
    real :: sum
    integer :: i
    sum = 0.0
    do i = 1, n
      sum = sum + frames(i)
    end do
  end function total
end module weigh

program main
  use weigh
  print *, total((/ 1.5, 2.5 /), 2)
end program main
