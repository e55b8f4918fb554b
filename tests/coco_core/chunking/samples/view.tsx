import React from "react";

type Props = { title: string };

export const Title: React.FC<Props> = ({ title }) => <h1>{title}</h1>;

export default function Page(props: Props) {
  return <Title {...props} />;
}
