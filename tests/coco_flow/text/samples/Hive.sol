// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

contract Hive {
    mapping(address => uint256) public honey;
    event Taken(address indexed who, uint256 amount);

    function add(uint256 amount) external {
        require(amount > 0, "nothing");
        honey[msg.sender] += amount;
    }

    function take(uint256 amount) external returns (uint256) {
        honey[msg.sender] -= amount;
        emit Taken(msg.sender, amount);
        return honey[msg.sender];
    }
}
