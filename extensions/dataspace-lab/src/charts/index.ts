export { Bars, type IBar } from './bars';
export { type IChartProps } from './frame';
export { Gauge } from './gauge';
export { Histogram } from './histogram';
export { type ILine, Lines } from './lines';
export { figure, measured, shorten } from './scale';
export { type ISteps, Steps } from './steps';
