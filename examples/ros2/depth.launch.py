"""Starts depth_node.py: ros2 launch ./depth.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess
from launch.substitutions import LaunchConfiguration

ARGUMENTS = {
    "image": ("/camera/image_raw", "topic of the pictures"),
    "camera_info": ("/camera/camera_info", "topic of their camera"),
    "range": ("/range", "topic of a range finder along the camera's axis"),
    "model": ("nano", "model file, or the name of one in the box"),
    "threads": ("2", "threads of the network"),
    "steady": ("true", "filter over time"),
    "points_px": ("160", "longer side of the grid that becomes points"),
}
REMAPPED = ("image", "camera_info", "range")


def generate_launch_description() -> LaunchDescription:
    """The node as a process of its own; it belongs to no package."""
    words: list = []
    for name in ARGUMENTS:
        flag = "-r" if name in REMAPPED else "-p"
        words += [flag, [f"{name}:=", LaunchConfiguration(name)]]
    node = Path(__file__).with_name("depth_node.py")
    declared = [
        DeclareLaunchArgument(name, default_value=value, description=what) for name, (value, what) in ARGUMENTS.items()
    ]
    return LaunchDescription(
        [*declared, ExecuteProcess(cmd=["python3", str(node), "--ros-args", *words], output="screen")]
    )
